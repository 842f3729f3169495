/** Jobs that analyse sound files on worker threads. */
import { identityOf } from '../../../storage/directory.ts'
import { type SoundAnalysis, Tagger } from '../tagger.ts'

export interface AnalyseArgs {
  /** Of the tagger, which was verified. */
  readonly directory: string
  readonly file: string
}

/** The analysis of a file, or why there is none. */
export type FileAnalysis = SoundAnalysis | { readonly fault: string }

let opened: { readonly identity: string; readonly tagger: Tagger } | undefined

export async function analyse({ directory, file }: AnalyseArgs): Promise<FileAnalysis> {
  const tagger = taggerAt(directory)
  try {
    return await tagger.analyse(file)
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

/** A worker keeps the tagger that it had last. */
function taggerAt(directory: string): Tagger {
  const identity = `${directory} ${identityOf(directory)}`
  if (opened?.identity !== identity) {
    opened?.tagger.close()
    opened = undefined
    opened = { identity, tagger: Tagger.open(directory, { verify: false }) }
  }
  return opened.tagger
}
