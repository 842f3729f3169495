import { existsSync } from 'node:fs'
import { inspectArtifact } from '../../models/artifact/artifact.ts'
import { previousOf } from '../../models/artifact/published.ts'
import { Dataset } from '../../storage/dataset.ts'
import { formatOf } from '../../storage/directory.ts'
import type { Positions } from '../../storage/positions.ts'

/**
 * The position up to which each of `directories`, datasets and models, has the events of `journal`: the lowest. Of a model, that
 * which can be rolled back to counts, too.
 *
 * @throws Error naming a directory that is none of ours, or damaged.
 */
export function sharedPosition(directories: readonly string[], journal: string): number {
  const previous = directories.map(previousOf).filter(existsSync)
  return Math.min(...[...directories, ...previous].map(directory => positionsIn(directory)[journal] ?? 0))
}

/** Of each journal the highest position that any of `directories` has, datasets and models; of a model, the previous one too. */
export function highestPositions(directories: readonly string[]): Positions {
  const highest: Record<string, number> = {}
  for (const directory of [...directories, ...directories.map(previousOf)].filter(existsSync)) {
    for (const [journal, position] of Object.entries(positionsIn(directory))) {
      highest[journal] = Math.max(highest[journal] ?? 0, position)
    }
  }
  return highest
}

function positionsIn(directory: string): Positions {
  if (formatOf(directory) === 'aurochs-dataset') {
    const dataset = Dataset.open(directory)
    dataset.close()
    return dataset.manifest.journals ?? {}
  }
  return inspectArtifact(directory).manifest.dataset.journals ?? {}
}
