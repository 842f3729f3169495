import type { MelPart, MelReader } from '../../binding.d.ts'
import { type Decoded, decodedOf, type MelOptions, melBands, openMel, type Sound, soundOf } from './mel.ts'

/** Frames of one call: some 16 s of sound. */
const partFrames = 1024

/** Frames of a sound file. */
export interface Mel {
  /** (frames × {@link melBands}) */
  readonly values: Float32Array
  readonly frames: number
  /** The number that the first of them has in the file. */
  readonly first: number
  readonly sound: Sound
  readonly decoded: Decoded
}

/**
 * The frames of the sound file at `path` (wav, flac, mp3, ogg with Vorbis, m4a with AAC or ALAC), or those of a part. They are
 * decoded on threads of the system's pool, and `signal` is looked at every few seconds of sound.
 *
 * A part's frames are those of the whole file, but for the noise that AAC makes up. What of a damaged file can be decoded is
 * given: see `decoded`.
 *
 * @throws Error that says why nothing can: no such file, no sound file, nothing but damage. RangeError for an option.
 */
export async function melOfFile(
  path: string,
  { signal, ...options }: MelOptions & { readonly signal?: AbortSignal } = {},
): Promise<Mel> {
  const reader = openMel(path, options)
  try {
    const parts: MelPart[] = []
    do {
      signal?.throwIfAborted()
      parts.push(await reader.read(partFrames))
    } while (isFull(parts))
    return melOf(parts)
  } finally {
    reader.close()
  }
}

/** {@link melOfFile} by this thread, which waits for it: for jobs of workers. */
export function melOfFileSync(path: string, options: MelOptions = {}): Mel {
  const reader = openMel(path, options)
  try {
    const parts: MelPart[] = []
    do parts.push(reader.readSync(partFrames))
    while (isFull(parts))
    return melOf(parts)
  } finally {
    reader.close()
  }
}

/** What is known of the sound file at `path` by its beginning. @throws Error as {@link melOfFile}. */
export async function soundOfFile(path: string): Promise<Sound> {
  const reader: MelReader = openMel(path, {})
  try {
    return soundOf(await reader.read(0))
  } finally {
    reader.close()
  }
}

/** Whether there may be more. */
function isFull(parts: readonly MelPart[]): boolean {
  return parts.at(-1)!.values.length === partFrames * melBands
}

function melOf(parts: readonly MelPart[]): Mel {
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.values.length, 0))
  let written = 0
  for (const part of parts) {
    values.set(part.values, written)
    written += part.values.length
  }
  const last = parts.at(-1)!
  return {
    values,
    frames: values.length / melBands,
    first: last.first,
    sound: soundOf(last),
    decoded: decodedOf(last),
  }
}
