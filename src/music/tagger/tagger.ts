import { join } from 'node:path'
import type { TaggerShape } from '../../binding.d.ts'
import { native } from '../../native.ts'
import { manifestName } from '../../storage/directory.ts'
import { type EnergyFeatures, EnergyMeter } from '../audio/energy-features.ts'
import { melBands } from '../audio/mel.ts'
import { melSlices } from '../audio/mel-slices.ts'
import { TaggerArtifact, type TaggerManifest } from './artifact.ts'
import { quietest, type Standard, standardise } from './clips/frames.ts'
import { shapeOf } from './options.ts'

/** What a tagger predicts of a sound, and what its energy is predicted by. */
export interface SoundAnalysis {
  /** (labels) The mean over its slices; of single labels they sum to 1. */
  readonly probabilities: Float32Array
  /** (width of the layer before the labels) The mean over its slices. */
  readonly embedding: Float32Array
  /** Of the same frames, which are decoded once. */
  readonly energy: EnergyFeatures
  /** Of sound that was decoded. */
  readonly seconds: number
  /** Packets of the file that could not be decoded. */
  readonly failedPackets: number
}

/** What a network predicts by, in memory or mapped. */
export interface TrainedNetwork {
  readonly shape: TaggerShape
  readonly parameters: Float32Array
  readonly moments: Float32Array
}

/** A trained tagger: what sounds are labelled with, and a vector that they are alike by. */
export class Tagger {
  readonly manifest: TaggerManifest
  readonly labels: readonly string[]
  /** Numbers of an embedding. */
  readonly embedding: number
  readonly #network: TrainedNetwork
  readonly #standard: Standard
  readonly #close: () => void

  /** @throws Error naming the file that is missing, damaged or of another format. */
  static open(directory: string, { verify = true } = {}): Tagger {
    const artifact = TaggerArtifact.open(directory, { verify })
    try {
      return new Tagger(artifact)
    } catch (error) {
      artifact.close()
      throw error
    }
  }

  private constructor(artifact: TaggerArtifact) {
    const { manifest } = artifact
    const { options, labels, kind } = manifest
    this.manifest = manifest
    this.labels = labels
    this.embedding = options.embedding
    const shape = shapeOf(options, labels.length, kind)
    const sizes = sizesOf(shape, artifact.directory)
    const tensor = (name: string, length: number) => artifact.tensor(name, length).data
    this.#network = {
      shape,
      parameters: tensor('parameters', sizes.parameters),
      moments: tensor('moments', sizes.moments),
    }
    this.#standard = { mean: tensor('mean', melBands), deviation: tensor('deviation', melBands) }
    this.#close = () => artifact.close()
  }

  /**
   * Labels and embedding of a sound file of any length; no more than some slices of it are in memory.
   *
   * @throws Error that says why it cannot be read; the reason of the signal.
   */
  async analyse(path: string, signal?: AbortSignal): Promise<SoundAnalysis> {
    const { frames } = this.#network.shape
    const mean = new MeanPrediction(this.labels.length, this.embedding)
    const meter = new EnergyMeter()
    let measured = 0
    let decoded = { seconds: 0, failedPackets: 0 }
    const slices = melSlices(path, { frames, hop: hopOf(frames), ...(signal && { signal }) })
    for await (const { values, first, frames: own, decoded: soFar } of slices) {
      // Slices overlap.
      meter.add(values.subarray((measured - first) * melBands, own * melBands))
      measured = first + own
      standardise(values, this.#standard)
      mean.add(predictSlices(this.#network, values), [own])
      decoded = soFar
    }
    const { seconds, failedPackets } = decoded
    return { ...mean.values(), energy: meter.features(seconds), seconds, failedPackets }
  }

  /** Of the network. */
  get parameters(): Float32Array {
    return this.#network.parameters
  }

  close(): void {
    this.#close()
  }
}

/** @throws Error naming the manifest where no network is of this shape. */
function sizesOf(shape: TaggerShape, directory: string): ReturnType<typeof native.taggerSizes> {
  try {
    return native.taggerSizes(shape)
  } catch (cause) {
    const { message } = cause as Error
    throw new Error(`${join(directory, manifestName)} is damaged: ${message}; train the tagger anew`, { cause })
  }
}

/** Frames from one slice of a prediction to the next: they overlap by half. */
function hopOf(frames: number): number {
  return Math.max(1, frames >> 1)
}

/** What a network says of standardised slices (count × frames × bands). */
function predictSlices({ shape, parameters, moments }: TrainedNetwork, slices: Float32Array) {
  return native.taggerPredict(shape, parameters, moments, slices)
}

/** What a network says of a clip whose standardised frames are in memory. */
export function predictClip(network: TrainedNetwork, values: Float32Array) {
  const { frames, classes, embedding } = network.shape
  const [count, hop] = [values.length / melBands, hopOf(frames)]
  const mean = new MeanPrediction(classes, embedding)
  for (let first = 0, covered = 0; covered < count; first += hop) {
    covered = Math.min(count, first + frames)
    const own = values.subarray(first * melBands, covered * melBands)
    const slice = new Float32Array(frames * melBands).fill(quietest, own.length)
    slice.set(own)
    mean.add(predictSlices(network, slice), [covered - first])
  }
  return mean.values()
}

/** The mean of what is predicted of slices: those that are padded count by their frames. */
class MeanPrediction {
  readonly #probabilities: Float64Array
  readonly #embedding: Float64Array
  #weight = 0

  constructor(labels: number, embedding: number) {
    this.#probabilities = new Float64Array(labels)
    this.#embedding = new Float64Array(embedding)
  }

  add({ probabilities, embeddings }: ReturnType<typeof predictSlices>, weights: readonly number[]): void {
    weights.forEach((weight, row) => {
      addRow(this.#probabilities, probabilities, row, weight)
      addRow(this.#embedding, embeddings, row, weight)
      this.#weight += weight
    })
  }

  values(): { readonly probabilities: Float32Array; readonly embedding: Float32Array } {
    const mean = (sums: Float64Array) => Float32Array.from(sums, sum => sum / Math.max(1, this.#weight))
    return { probabilities: mean(this.#probabilities), embedding: mean(this.#embedding) }
  }
}

function addRow(sums: Float64Array, rows: Float32Array, row: number, weight: number): void {
  for (let at = 0; at < sums.length; at++) sums[at]! += weight * rows[row * sums.length + at]!
}
