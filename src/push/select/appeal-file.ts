/** An appeal model as one file. */
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { withDraft } from '../../storage/directory.ts'
import { faultIn } from '../../storage/expectation.ts'
import { mappedTensor, openSafetensors, type Safetensors, vector, writeSafetensors } from '../../storage/safetensors.ts'
import { Ensemble, type Trees, treeKinds } from '../boosting/ensemble.ts'
import { LinearModel } from '../text/linear-model.ts'
import type { AppealParts } from './appeal-model.ts'
import type { FeatureExtractor } from './feature-extractor.ts'

const format = 'aurochs-appeal-model 1'

const description = z.strictObject({
  names: z.array(z.string()),
  timeZone: z.string(),
  mean: z.number(),
  meanError: z.number().positive(),
  variance: z.number().positive(),
  linearScale: z.number().min(0),
  treesScale: z.number().min(0),
  rows: z.int().min(0),
  base: z.number().nullable(),
})

export async function saveAppealModel(path: string, { names, timeZone }: FeatureExtractor, parts: AppealParts) {
  const { linear, trees, ...numbers } = parts
  const about: z.input<typeof description> = { names: [...names], timeZone, ...numbers, base: trees?.base ?? null }
  const treeTensors = Object.entries(trees?.trees ?? {}).map(([name, data]) => [`trees.${name}`, vector(data)] as const)
  await withDraft(path, async draft => {
    const file = join(draft, 'model')
    const tensors = { ...linear.tensors(), ...Object.fromEntries(treeTensors) }
    await writeSafetensors(file, tensors, { format, about: JSON.stringify(about) })
    await rename(file, path)
  })
}

/** @throws Error naming the file and what is wrong with it, or which features differ. */
export function openAppealModel(path: string, features: FeatureExtractor): AppealParts {
  const file = openSafetensors(path)
  try {
    const broken = (why: string) => new Error(`${path} is no whole appeal model: ${why}: train it anew`)
    if (file.metadata.format !== format) {
      throw broken(`its format must be ${format}, got ${file.metadata.format ?? 'none'}`)
    }
    const { names, timeZone, base, ...numbers } = descriptionIn(file.metadata.about, broken)
    if (names.join('\n') !== features.names.join('\n') || timeZone !== features.timeZone) {
      const differ = names.filter((name, at) => name !== features.names[at])
      throw new Error(
        `${path} must be opened with the features that it was trained with, of ${names.length} and ${timeZone}, ` +
          `got ${features.names.length} and ${features.timeZone}${differ.length > 0 ? `; the first that differs is ${differ[0]}` : ''}`,
      )
    }
    const linear = LinearModel.in(file, names.length, broken)
    return { ...numbers, linear, trees: base === null ? undefined : treesIn(file, base, names.length) }
  } finally {
    file.close()
  }
}

function descriptionIn(json: string | undefined, broken: (why: string) => Error) {
  let about: unknown
  try {
    about = JSON.parse(json ?? '')
  } catch {
    throw broken('its description is not JSON')
  }
  const fault = faultIn(description, about)
  if (fault !== undefined) throw broken(fault)
  return description.parse(about)
}

function treesIn(file: Safetensors, base: number, features: number): Ensemble {
  const read = Object.entries(treeKinds).map(([name, kind]) => {
    return [
      name,
      mappedTensor<Uint8Array | Uint32Array | Float32Array | Float64Array>(file, `trees.${name}`, kind).data.slice(),
    ]
  })
  const ensemble = new Ensemble({
    loss: 'squared',
    features,
    base,
    losses: [],
    trees: Object.fromEntries(read) as Trees,
  })
  ensemble.verify(file.path)
  return ensemble
}
