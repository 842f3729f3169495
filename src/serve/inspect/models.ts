import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Artifact, inspectArtifact } from '../../models/artifact/artifact.ts'
import { previousOf } from '../../models/artifact/published.ts'
import type { ListedModel, ListedModels } from '../../protocol/methods.ts'
import { formatOf } from '../../storage/directory.ts'
import { searchIn } from './searches.ts'

/** Directories that are looked into beside the model that is served, at most. */
const mostDirectories = 1000
/** Models and searches that are listed, at most. */
const mostListed = 100

/**
 * The model `served`, the one that it took the place of, and what else of models and searches for options lies in the same
 * directory. What is damaged there, or of another version, is left out.
 */
export async function listModels(served: Artifact): Promise<ListedModels> {
  const directory = resolve(served.directory)
  const models: ListedModel[] = [describe(directory, served, 'served')]
  const searches: ListedModels['searches'][number][] = []
  for (const beside of await directoriesIn(dirname(directory))) {
    if (models.length + searches.length >= mostListed) break
    const model = modelIn(beside, beside === previousOf(directory) ? 'previous' : 'other')
    // The same files, which other directories may link to, are one model.
    if (model && (beside !== directory || model.generation !== served.checksum)) models.push(model)
    const search = model ? undefined : searchIn(beside)
    if (search) searches.push(search)
  }
  const [first, ...others] = models
  return { models: [first!, ...others.sort(previousThenNewest)], searches }
}

function previousThenNewest(a: ListedModel, b: ListedModel): number {
  if (a.role !== b.role) return a.role === 'previous' ? -1 : 1
  return Date.parse(b.created) - Date.parse(a.created)
}

async function directoriesIn(folder: string): Promise<string[]> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries
    .filter(entry => entry.isDirectory() && !entry.name.startsWith('.'))
    .slice(0, mostDirectories)
    .map(({ name }) => join(folder, name))
}

function modelIn(directory: string, role: ListedModel['role']): ListedModel | undefined {
  if (formatOf(directory) !== 'aurochs-model') return undefined
  try {
    return describe(directory, inspectArtifact(directory), role)
  } catch {
    return undefined
  }
}

function describe(
  directory: string,
  { manifest, checksum }: Pick<Artifact, 'manifest' | 'checksum'>,
  role: ListedModel['role'],
): ListedModel {
  const { algorithm, options, created, complete, epochs, loss, findings, dataset, metrics, tuning, partTunings } =
    manifest
  const { users, items, pairs, events } = dataset
  const counts = { users, items, pairs, events }
  return {
    role,
    directory,
    generation: checksum,
    algorithm,
    options,
    created,
    complete,
    epochs,
    loss,
    findings,
    metrics,
    tuning,
    partTunings,
    ...counts,
  }
}
