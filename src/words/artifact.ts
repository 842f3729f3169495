import { join } from 'node:path'
import { z } from 'zod'
import { closedOnError } from '../storage/closing.ts'
import { type Manifest, manifestName, openConsistent, verifyDirectory, writeDirectory } from '../storage/directory.ts'
import { faultIn } from '../storage/expectation.ts'
import { IdMap, writeIds } from '../storage/ids.ts'
import {
  type Dtype,
  type MappedTensor,
  mappedTensor,
  openSafetensors,
  type Safetensors,
  SafetensorsWriter,
  type TensorArray,
} from '../storage/safetensors.ts'
import { type WordsOptions, wordsOptions } from './options.ts'

export const wordsFiles = { tensors: 'tensors.safetensors', words: 'words.arrow' } as const

export interface WordsManifest extends Manifest {
  readonly format: 'aurochs-words'
  /** All options of the training: with the text they give the same vectors again. */
  readonly options: WordsOptions
  readonly text: {
    /** Different words that have a vector. */
    readonly words: number
    /** N-grams that have one. */
    readonly grams: number
    /** Words of the text, those that are too rare included. */
    readonly read: number
    /** Checksum of the text as it was learned. */
    readonly checksum: number
  }
  /** Passes over the text that made it. */
  readonly epochs: number
  /** Whether the training came to its end. */
  readonly complete: boolean
  /** Mean loss of a sample in each epoch. */
  readonly loss: readonly number[]
  /** ISO 8601, UTC. */
  readonly created: string
}

const count = z.int().nonnegative()
const manifestSchema = z.looseObject({
  options: wordsOptions,
  text: z.object({ words: count, grams: count, read: count, checksum: count }),
  epochs: count,
  complete: z.boolean(),
  loss: z.array(z.number()),
  created: z.string(),
})

/** Values of a tensor, whole or in pieces. */
export interface WrittenTensor {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  pieces(): Iterable<TensorArray>
}

/**
 * Word vectors on disk, open. `words` (words × factors), float32, are the input vectors, most frequent word first; `outputs` of
 * the same shape the output vectors; `counts` (words), float64, how often each occurs; `index`, uint8, the top-k index of
 * `words`. With n-grams `own` (words × factors) and `grams` (grams × factors), float32, are the parts that words are the means of,
 * and `buckets` (grams), uint32, ascending, says which n-gram each is of.
 */
export class WordsArtifact {
  readonly directory: string
  readonly manifest: WordsManifest
  readonly words: IdMap
  readonly #tensors: Safetensors

  /** @throws Error naming the file that is missing, damaged or of another format. */
  static open(directory: string, { verify = true } = {}): WordsArtifact {
    return openConsistent(
      directory,
      'aurochs-words',
      manifest => {
        const fault = faultIn(manifestSchema, manifest)
        if (fault) throw new Error(`${join(directory, manifestName)} is damaged: ${fault}; learn the words anew`)
        if (verify) verifyDirectory(directory, manifest)
        return closedOnError(IdMap.open(join(directory, wordsFiles.words)), words => {
          const tensors = openSafetensors(join(directory, wordsFiles.tensors))
          return new WordsArtifact(directory, manifest as WordsManifest, words, tensors)
        })
      },
      artifact => artifact.close(),
    )
  }

  private constructor(directory: string, manifest: WordsManifest, words: IdMap, tensors: Safetensors) {
    this.directory = directory
    this.manifest = manifest
    this.words = words
    this.#tensors = tensors
  }

  /** @throws Error naming file and tensor when it is of another type or shape. */
  tensor<A extends TensorArray>(
    name: string,
    kind: new (length: number) => A,
    shape: readonly number[],
  ): MappedTensor<A> {
    const tensor = mappedTensor(this.#tensors, name, kind)
    if (shape.length === tensor.shape.length && shape.every((n, at) => n === tensor.shape[at])) return tensor
    throw this.damaged(name, `its shape must be ${shape.join(' × ')}, but is ${tensor.shape.join(' × ')}`)
  }

  damaged(name: string, fault: string): Error {
    return new Error(`${this.#tensors.path} is damaged: the tensor ${name}: ${fault}; learn the words anew`)
  }

  close(): void {
    this.words.close()
    this.#tensors.close()
  }
}

/** Writes word vectors to `directory`, which appears whole or not at all. */
export function writeWords(
  directory: string,
  words: readonly string[],
  tensors: Readonly<Record<string, WrittenTensor>>,
  { replace, ...about }: Omit<WordsManifest, 'files' | 'format' | 'version' | 'created'> & { replace: boolean },
): Promise<WordsManifest> {
  const fill = async (draft: string): Promise<Omit<WordsManifest, 'files'>> => {
    await writeIds(join(draft, wordsFiles.words), words)
    const writer = await SafetensorsWriter.create(join(draft, wordsFiles.tensors), tensors)
    try {
      for (const [name, tensor] of Object.entries(tensors)) {
        for (const piece of tensor.pieces()) await writer.append(name, piece)
      }
      await writer.finish()
    } finally {
      await writer.close()
    }
    return { format: 'aurochs-words', version: 1, created: new Date().toISOString(), ...about }
  }
  return writeDirectory(directory, fill, { replace })
}
