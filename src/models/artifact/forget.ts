/** Takes a user out of datasets and models on disk. What others' parameters learned from the user stays until the next training. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Csr, transposed, withoutRow } from '../../storage/csr.ts'
import { Dataset, writeDataset } from '../../storage/dataset.ts'
import { formatOf, writeDirectory } from '../../storage/directory.ts'
import { idsWithout, writeIds } from '../../storage/ids.ts'
import { linkOrCopy } from '../../storage/link-or-copy.ts'
import { openSafetensors, type Safetensors, type Tensor, vector, writeSafetensors } from '../../storage/safetensors.ts'
import { sequenceTensors, withoutSequence } from '../../storage/sequences.ts'
import { tagsWithout } from '../../storage/user-tags.ts'
import { userTensorsOf } from '../algorithm.ts'
import { algorithmNamed } from '../registry.ts'
import { Artifact, type ArtifactManifest, artifactFiles } from './artifact.ts'
import { nextOf, previousOf } from './published.ts'

/**
 * Forgets `user` in a dataset, or in a model and those that it took the place of or that may take its place. Gives which of them
 * had the user. @throws Error where one is neither a dataset nor a model, or the disk is full.
 */
export async function forgetEverywhere({ directory, user }: ForgetTask): Promise<string[]> {
  const reached: string[] = []
  for (const each of [directory, previousOf(directory), nextOf(directory)].filter(existsSync)) {
    if (await forgetInDirectory({ directory: each, user })) reached.push(each)
  }
  return reached
}

interface ForgetTask {
  readonly directory: string
  readonly user: string
}

/** Forgets `user` in a dataset or a model; gives whether it had the user. @throws Error where `directory` is neither. */
export function forgetInDirectory({ directory, user }: ForgetTask): Promise<boolean> {
  const isDataset = formatOf(directory) === 'aurochs-dataset'
  return isDataset ? forgetInDataset(directory, user) : forgetInModel(directory, user)
}

/**
 * Writes the dataset at `directory` anew without the pairs, the events and the id of `user`: the row stays, empty, under an id
 * that says nothing. Gives whether it had the user. All of it must fit in memory.
 *
 * @throws Error when nobody else has pairs in it, or the disk is full; then it is left as it is.
 */
async function forgetInDataset(directory: string, user: string): Promise<boolean> {
  // What is written anew gets new checksums: damage must not be among it.
  const dataset = Dataset.open(directory, { verify: true })
  try {
    const row = dataset.users.indexOf(user)
    if (row < 0) return false
    const byUser = withoutRow(dataset.byUser, row)
    if (byUser.indices.length === 0) {
      throw new Error(`${directory} has no pairs but those of the user to forget: remove the dataset`)
    }
    const { kinds, journals, source, options } = dataset.manifest
    const parts = {
      byUser,
      users: idsWithout(dataset.users, row),
      items: Array.from({ length: dataset.items.size }, (_, item) => dataset.items.at(item)),
      events: dataset.events && withoutSequence(dataset.events, row),
      tags: dataset.tags && tagsWithout(dataset.tags, row),
      kinds,
      journals,
      source,
      options,
    }
    dataset.assertInPlace()
    await writeDataset(directory, parts, { replace: true })
    return true
  } finally {
    dataset.close()
  }
}

/**
 * Writes the model at `directory` anew without the history, the events, the id and the parameters of `user`: the row stays, as
 * that of a user of whom nothing is known. Gives whether it had the user.
 *
 * @throws Error when the disk is full; then it is left as it is.
 */
async function forgetInModel(directory: string, user: string): Promise<boolean> {
  const artifact = Artifact.open(directory, { verify: true })
  try {
    const row = artifact.users.indexOf(user)
    if (row < 0) return false
    await writeDirectory(directory, draft => fill(draft, artifact, row), { replace: true })
    return true
  } finally {
    artifact.close()
  }
}

async function fill(draft: string, artifact: Artifact, row: number): Promise<Omit<ArtifactManifest, 'files'>> {
  const { directory, manifest } = artifact
  const to = (name: keyof typeof artifactFiles) => join(draft, artifactFiles[name])
  const history = withoutRow(artifact.history, row)
  await writeSafetensors(to('history'), pairTensors(history))
  if (artifact.hasSums) await writeSafetensors(to('sums'), pairTensors(withoutRow(artifact.sums, row)))
  if (artifact.hasPairsByItem) await writeSafetensors(to('byItem'), pairTensors(transposed(history)))
  const events = artifact.events && withoutSequence(artifact.events, row)
  if (events) await writeSafetensors(to('events'), sequenceTensors(events))
  await writeIds(to('users'), idsWithout(artifact.users, row))
  const kept = (['items', 'popularity', 'tags'] as const).filter(name => manifest.files[artifactFiles[name]])
  for (const name of kept) await linkOrCopy(join(directory, artifactFiles[name]), to(name))
  const tensors = openSafetensors(join(directory, artifactFiles.tensors))
  try {
    await writeSafetensors(to('tensors'), tensorsWithout(tensors, manifest, row))
  } finally {
    tensors.close()
  }
  const { dataset, files: _, ...about } = manifest
  return { ...about, dataset: { ...dataset, pairs: history.indices.length, events: events?.items.length } }
}

function pairTensors({ indptr, indices, weights }: Csr): Record<string, Tensor> {
  return { indptr: vector(indptr), indices: vector(indices), weights: vector(weights) }
}

/** The algorithm's tensors, those of users with zeros in `row`. */
function tensorsWithout(
  { tensors }: Safetensors,
  { algorithm, options }: ArtifactManifest,
  row: number,
): Record<string, Tensor> {
  const userTensors = userTensorsOf(algorithmNamed(algorithm), options)
  const entries = Object.entries(tensors).map(([name, { data, shape }]): [string, Tensor] => {
    if (!userTensors.includes(name)) return [name, { data, shape }]
    const width = data.length / shape[0]!
    return [name, { data: data.slice().fill(0 as never, row * width, (row + 1) * width), shape }]
  })
  return Object.fromEntries(entries)
}
