import type { MelPart, MelReader } from '../../binding.d.ts'
import { native } from '../../native.ts'

/** Mel bands of a frame: Slaney's scale and norm, from 0 to 8 kHz, of windows of 512 samples at 16 kHz. */
export const melBands = 96
/** Samples a second that frames are made of, whatever the rate of a file. */
export const melRate = 16_000
/** Samples from one frame to the next. */
export const melHop = 256
/** The least power whose logarithm is taken: that of silence. */
export const melFloor = 1e-10

/** What the values of a frame are: the power in each band, or its natural logarithm, at least that of {@link melFloor}. */
export type MelScale = 'log' | 'power'

/** Which frames of a sound file are read. Frame k is centred at k·{@link melHop}/{@link melRate} seconds. */
export interface MelOptions {
  /** Default: `log`. */
  readonly scale?: MelScale
  /** The frames from this time on, in seconds. Default: 0. */
  readonly from?: number
  /** The frames before this time, in seconds. Default: to the end. */
  readonly to?: number
}

/** What is known of a sound file. */
export interface Sound {
  /** Samples a second. */
  readonly rate: number
  readonly channels: number
  /** Such as `mp3`, `vorbis`, `pcm_s16le`. */
  readonly codec: string
  /** The length by the beginning of the file, where that says so. It need not be true: see {@link Decoded.seconds}. */
  readonly declaredSeconds: number | undefined
}

/** How far a file was decoded, and what was amiss until there. */
export interface Decoded {
  /** From the beginning of the file to where it was decoded: all of its length once it was read to its end. */
  readonly seconds: number
  /** Packets that could not be decoded and were left out; many that are missing in a row count as one. */
  readonly failedPackets: number
  /** Samples that were no finite number, or beyond ±10⁶ of full scale, in a channel: they count as 0. */
  readonly brokenSamples: number
}

/** @throws RangeError naming the option. */
export function openMel(path: string, { scale = 'log', from = 0, to }: MelOptions): MelReader {
  assertSeconds('from', from)
  if (to !== undefined) assertSeconds('to', to)
  return native.melReader(path, { scale, from, ...(to !== undefined && { to }) })
}

export function soundOf({ rate, channels, codec, declaredSeconds }: MelPart): Sound {
  return { rate, channels, codec, declaredSeconds }
}

export function decodedOf({ decodedSeconds, failedPackets, brokenSamples }: MelPart): Decoded {
  return { seconds: decodedSeconds, failedPackets, brokenSamples }
}

function assertSeconds(name: string, value: number): void {
  if (!(value >= 0 && Number.isFinite(value))) {
    throw new RangeError(`${name} must be a number of seconds, at least 0, got ${value}`)
  }
}
