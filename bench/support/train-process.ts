import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Dataset } from '../../src/storage/dataset.ts'

const cli = join(import.meta.dirname, '../../dist/cli/main.js')

/**
 * `aurochs train` as a process of its own with two workers; `more` are further options.
 *
 * @returns seconds, and bytes of resident memory at the peak, mapped files included.
 * @throws Error when it fails.
 */
export async function trainProcess(
  train: Dataset,
  out: string,
  more: readonly string[],
): Promise<{ readonly seconds: number; readonly peak: number }> {
  const args = ['train', train.directory, '--out', out, '--replace', '--threads', '2', ...more]
  const begun = performance.now()
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  let peak = 0
  const watching = setInterval(() => {
    try {
      const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8')) ?? []
      if (kibibytes !== undefined) peak = Number(kibibytes) * 1024
    } catch {
      // It has just ended.
    }
  }, 20)
  const code = await new Promise(resolve => child.on('exit', resolve))
  clearInterval(watching)
  if (code !== 0) throw new Error(`aurochs ${args.join(' ')} ended with ${code}`)
  return { seconds: (performance.now() - begun) / 1000, peak }
}
