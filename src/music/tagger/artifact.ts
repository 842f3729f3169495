import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { closedOnError } from '../../storage/closing.ts'
import {
  type Manifest,
  manifestName,
  openConsistent,
  verifyDirectory,
  writeDirectory,
} from '../../storage/directory.ts'
import { faultIn } from '../../storage/expectation.ts'
import {
  type MappedTensor,
  mappedTensor,
  openSafetensors,
  type Safetensors,
  type Tensor,
  vector,
  writeSafetensors,
} from '../../storage/safetensors.ts'
import type { LabelKind } from './clips/clips.ts'
import { type TaggerOptions, taggerOptions } from './options.ts'

export const taggerFiles = { tensors: 'tensors.safetensors', curves: 'curves.svg' } as const

/** How good a tagger was on its validation part. */
export interface Validation {
  /** Mean loss of a clip. */
  readonly loss: number
  /** Share of clips whose likeliest label is right; of single labels. */
  readonly accuracy?: number | undefined
  /** Mean over labels of average precision; of labels of any number. */
  readonly meanAveragePrecision?: number | undefined
}

export interface EpochResult {
  /** Mean loss of a slice of the training. */
  readonly loss: number
  readonly validation?: Validation | undefined
}

export interface TaggerManifest extends Manifest {
  readonly format: 'aurochs-tagger'
  /** All options of the training: with the same clips they give the same tagger again. */
  readonly options: TaggerOptions
  /** In the order of what it predicts. */
  readonly labels: readonly string[]
  readonly kind: LabelKind
  readonly clips: { readonly training: number; readonly validation: number; readonly checksum: string }
  /** Of each epoch. */
  readonly epochs: readonly EpochResult[]
  /** The epoch whose parameters it has, counted from 1: the best by its validation, or the last; 0 before the first. */
  readonly epoch: number
  /** Whether the training came to its end. */
  readonly complete: boolean
  /** ISO 8601, UTC. */
  readonly created: string
}

const count = z.int().nonnegative()
const validation = z.object({
  loss: z.number(),
  accuracy: z.number().optional(),
  meanAveragePrecision: z.number().optional(),
})
const manifestSchema = z.looseObject({
  options: taggerOptions,
  labels: z
    .array(z.string())
    .refine(labels => labels.length >= 2 && new Set(labels).size === labels.length, 'must be at least two, each once'),
  kind: z.enum(['single', 'multi']),
  clips: z.object({ training: count, validation: count, checksum: z.string() }),
  epochs: z.array(z.object({ loss: z.number(), validation: validation.optional() })),
  epoch: count,
  complete: z.boolean(),
  created: z.string(),
})

/**
 * A tagger on disk, open. Tensors, all float32: `parameters` and `moments` as the network (crates/music/src/network) lays them out;
 * `mean` and `deviation` (bands), which standardise log-mel frames. One that is not complete also has what its training goes on from:
 * `latest`, `latestMoments`, and of AdamW `first` and `second`.
 */
export class TaggerArtifact {
  readonly directory: string
  readonly manifest: TaggerManifest
  readonly #tensors: Safetensors

  /** @throws Error naming the file that is missing, damaged or of another format. */
  static open(directory: string, { verify = true } = {}): TaggerArtifact {
    return openConsistent(
      directory,
      'aurochs-tagger',
      manifest => {
        const fault = faultIn(manifestSchema, manifest)
        if (fault) throw new Error(`${join(directory, manifestName)} is damaged: ${fault}; train the tagger anew`)
        if (!manifest.files[taggerFiles.tensors]) {
          throw new Error(
            `${join(directory, manifestName)} is damaged: it lists no ${taggerFiles.tensors}; train the tagger anew`,
          )
        }
        if (verify) verifyDirectory(directory, manifest)
        return closedOnError(
          openSafetensors(join(directory, taggerFiles.tensors)),
          tensors => new TaggerArtifact(directory, manifest as TaggerManifest, tensors),
        )
      },
      artifact => artifact.close(),
    )
  }

  private constructor(directory: string, manifest: TaggerManifest, tensors: Safetensors) {
    this.directory = directory
    this.manifest = manifest
    this.#tensors = tensors
  }

  /** @throws Error naming file and tensor when it is of another length, or holds what is no finite number. */
  tensor(name: string, length: number): MappedTensor<Float32Array> {
    const tensor = mappedTensor(this.#tensors, name, Float32Array)
    const { data, shape } = tensor
    if (shape.length !== 1 || shape[0] !== length) {
      throw this.#damaged(name, `its shape must be ${length}, but is ${shape.join(' × ')}`)
    }
    const broken = data.findIndex(value => !Number.isFinite(value))
    if (broken >= 0) throw this.#damaged(name, `value ${broken} must be a finite number, got ${data[broken]}`)
    return tensor
  }

  #damaged(tensor: string, fault: string): Error {
    return new Error(`${this.#tensors.path} is damaged: the tensor ${tensor}: ${fault}; train the tagger anew`)
  }

  close(): void {
    this.#tensors.close()
  }
}

/** Writes a tagger to `directory`, which appears whole or not at all. */
export function writeTagger(
  directory: string,
  tensors: Readonly<Record<string, Float32Array>>,
  curves: string,
  { replace, ...about }: Omit<TaggerManifest, 'files' | 'format' | 'version' | 'created'> & { replace: boolean },
): Promise<TaggerManifest> {
  const fill = async (draft: string): Promise<Omit<TaggerManifest, 'files'>> => {
    const vectors = Object.entries(tensors).map(([name, data]): [string, Tensor] => [name, vector(data)])
    await writeSafetensors(join(draft, taggerFiles.tensors), Object.fromEntries(vectors))
    await writeFile(join(draft, taggerFiles.curves), curves)
    return { format: 'aurochs-tagger', version: 1, created: new Date().toISOString(), ...about }
  }
  return writeDirectory(directory, fill, { replace })
}
