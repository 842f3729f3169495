import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { sync } from '../../../storage/directory.ts'
import type { PushAnalysis } from '../analysis.ts'
import { reportHtml } from './report.ts'

/** Writes an analysis as HTML and as JSON, each where a file is named; whoever reads meanwhile finds the old file or the new one, whole. */
export async function writeReport(
  analysis: PushAnalysis,
  { html, json }: { readonly html?: string | undefined; readonly json?: string | undefined },
): Promise<void> {
  if (html !== undefined) await replaceFile(html, reportHtml(analysis))
  if (json !== undefined) await replaceFile(json, `${JSON.stringify(analysis, null, 2)}\n`)
}

async function replaceFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.partial`
  const file = await open(draft, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
    await file.close()
    await rename(draft, path)
    await sync(dirname(path))
  } catch (error) {
    await file.close().catch(() => {})
    await rm(draft, { force: true })
    throw error
  }
}
