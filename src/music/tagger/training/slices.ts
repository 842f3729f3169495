import { randomNumbers } from '../../../storage/random.ts'
import { melBands } from '../../audio/mel.ts'
import type { ClipFrames } from '../clips/frames.ts'
import type { TaggerOptions } from '../options.ts'

/** What is done to the slices of a training. */
export type Augmentation = Pick<TaggerOptions, 'frames' | 'mixup' | 'gain' | 'pitch' | 'maskedBands' | 'maskedFrames'>

/** Masks of each kind, as in the policies of SpecAugment (Park et al. 2019). */
const masks = 2
/** Decibels of a factor e of power. */
const decibels = 10 / Math.LN10

/**
 * Writes a slice of clip `clip` for the training to `slice` (frames × bands), and what it is labelled with to `targets` (classes). Where
 * it begins is drawn (time shift), its pitch and loudness, the clip that it is mixed with (mixup, Zhang et al. 2018: values and
 * labels in one proportion, uniform), and which bands and frames are set to their mean (SpecAugment, Park et al. 2019). The same for the
 * same seed.
 */
export function drawSlice(
  clips: ClipFrames,
  clip: number,
  augmentation: Augmentation,
  seed: number,
  { slice, targets }: { readonly slice: Float32Array; readonly targets: Float32Array },
): void {
  const random = randomNumbers(seed)
  const { mixup, maskedBands, maskedFrames, frames } = augmentation
  copyVaried(clips, clip, augmentation, random, slice)
  targets.set(targetsOf(clips, clip))
  if (random() < mixup) {
    const other = Math.floor(random() * (clips.starts.length - 1))
    const share = random()
    const second = new Float32Array(slice.length)
    copyVaried(clips, other, augmentation, random, second)
    mix(slice, second, share)
    mix(targets, targetsOf(clips, other), share)
  }
  for (let mask = 0; mask < masks; mask++) {
    const [band, afterBand] = drawnRange(melBands, maskedBands, random)
    const [frame, afterFrame] = drawnRange(frames, maskedFrames, random)
    for (let at = 0; at < frames; at++) slice.fill(0, at * melBands + band, at * melBands + afterBand)
    slice.fill(0, frame * melBands, afterFrame * melBands)
  }
}

function targetsOf({ targets, classes }: ClipFrames, clip: number): Float32Array {
  return targets.subarray(clip * classes, (clip + 1) * classes)
}

function mix(values: Float32Array, others: Float32Array, share: number): void {
  for (let at = 0; at < values.length; at++) values[at] = (1 - share) * values[at]! + share * others[at]!
}

/** A range of at most `share` of `length`. */
function drawnRange(length: number, share: number, random: () => number): readonly [begin: number, end: number] {
  const width = Math.round(random() * share * length)
  const begin = Math.floor(random() * (length - width + 1))
  return [begin, begin + width]
}

/** Frames of a clip from a drawn place on, at a drawn pitch and loudness; silence where there are none. */
function copyVaried(
  { values, starts, silence, scale }: ClipFrames,
  clip: number,
  { frames, gain, pitch }: Augmentation,
  random: () => number,
  out: Float32Array,
): void {
  const [begin, end] = [starts[clip]!, starts[clip + 1]!]
  const louder = ((2 * random() - 1) * gain) / decibels
  const up = Math.round((2 * random() - 1) * pitch)
  // Where the clip is shorter than a slice it begins somewhere within it.
  const first = begin + Math.round(random() * (end - begin - frames))
  for (let frame = 0; frame < frames; frame++) {
    const row = out.subarray(frame * melBands, (frame + 1) * melBands)
    const place = first + frame
    if (place < begin || place >= end) {
      row.fill(silence)
      continue
    }
    for (let band = 0; band < melBands; band++) {
      const from = Math.min(melBands - 1, Math.max(0, band - up))
      row[band] = Math.max(silence, values[place * melBands + from]! + louder * scale[band]!)
    }
  }
}
