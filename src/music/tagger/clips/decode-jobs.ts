/** Jobs that read sound files on worker threads. */
import { melHop, melRate, openMel } from '../../audio/mel.ts'
import { melOfFileSync } from '../../audio/mel-of-file.ts'

export interface DecodeArgs {
  readonly files: readonly string[]
  /** Of each file at the most, in the middle. */
  readonly seconds: number
}

export interface DecodedClip {
  /** (frames × bands) */
  readonly values?: Float32Array
  /** Why there are none. */
  readonly fault?: string
}

/** Log-mel frames of some files. */
export function decode({ files, seconds }: DecodeArgs): DecodedClip[] {
  return files.map(file => {
    try {
      const { values } = melOfFileSync(file, middleOf(file, seconds))
      return values.length > 0 ? { values } : { fault: `${file}: expected some sound, got none` }
    } catch (error) {
      return { fault: error instanceof Error ? error.message : String(error) }
    }
  })
}

/** By the length that the beginning of the file says; without one, from its beginning on. */
function middleOf(file: string, seconds: number): { readonly from: number; readonly to: number } {
  const reader = openMel(file, {})
  try {
    const { declaredSeconds = 0 } = reader.readSync(0)
    const from = Math.max(0, (declaredSeconds - seconds) / 2)
    return { from, to: from + seconds - melHop / melRate / 2 }
  } finally {
    reader.close()
  }
}
