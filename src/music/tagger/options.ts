import { z } from 'zod'
import type { TaggerShape } from '../../binding.d.ts'
import { melBands } from '../audio/mel.ts'
import type { LabelKind } from './clips/clips.ts'

const share = (most: number) => z.number().min(0).max(most)

/**
 * How a tagger is built and trained. Epochs go over all clips of the training.
 *
 * Accuracy on two folds of esc10, each by a training on three others (80 epochs, width 16, batch 16), in %: without augmentation 87.5; with gain and
 * pitch 88.8; and mixup 89.4; gain, pitch and masks of .1 and .15 without mixup 88.1. Slices at other speeds, by interpolation between frames, made it worse
 * (86 in place of 91 on the first fold, 100 epochs): what is between two frames varies less than a frame. So did a mean over the bands in place of keeping
 * them apart (82.5 in place of 87.5).
 */
export const taggerOptions = z.strictObject({
  width: z
    .int()
    .min(16)
    .max(1024)
    .multipleOf(16)
    .default(32)
    .describe('channels of the first block, a multiple of 16; each further block has twice as many'),
  blocks: z.int().min(1).max(5).default(4).describe('blocks of convolution and pooling'),
  embedding: z.int().min(1).max(4096).default(256).describe('width of the layer before the labels'),
  frames: z
    .int()
    .min(8)
    .max(8192)
    .default(256)
    .describe('frames of a slice, of 16 ms each: a multiple of 4 times 2 to the number of blocks'),
  epochs: z.int().min(0).max(100_000).default(100).describe('passes over the clips, in all'),
  batch: z.int().min(2).max(4096).default(16).describe('slices of a step'),
  shard: z
    .int()
    .min(2)
    .max(1024)
    .default(8)
    .describe('slices that are normalised together; a worker computes a shard at a time'),
  rate: z.number().positive().max(1).default(0.002).describe('learning rate of AdamW at its largest'),
  warmup: share(0.9)
    .default(0.05)
    .describe('share of the steps in which the rate rises to that; then it falls, as a cosine, to 0'),
  decay: z.number().min(0).max(1000).default(0.05).describe('weight decay of AdamW, in units of the rate'),
  dropout: share(0.95).default(0.3).describe('share of the inputs of each of the last two layers that is dropped'),
  mixup: share(1).default(0.5).describe('share of slices that are mixed with one of another clip'),
  gain: z.number().min(0).max(40).default(6).describe('decibels that a slice is made louder or softer by, at most'),
  pitch: z
    .int()
    .min(0)
    .max(melBands / 2)
    .default(2)
    .describe('bands that a slice is moved up or down by, at most'),
  maskedBands: share(1).default(0.05).describe('share of the bands that each of two masks covers at most'),
  maskedFrames: share(1).default(0.05).describe('share of the frames that each of two masks covers at most'),
  patience: z
    .int()
    .min(1)
    .max(100_000)
    .default(30)
    .describe('epochs without a better validation after which the training ends, where there is a validation part'),
  seed: z.int().min(0).max(0xffff_ffff).default(1).describe('of all that is drawn'),
})

export type TaggerOptions = z.output<typeof taggerOptions>

/** The network of a tagger with these options, of so many labels. */
export function shapeOf(
  { width, blocks, embedding, frames }: TaggerOptions,
  labels: number,
  kind: LabelKind,
): TaggerShape {
  const channels = Array.from({ length: blocks }, (_, block) => width * 2 ** block)
  return { bands: melBands, frames, channels, embedding, classes: labels, labels: kind }
}
