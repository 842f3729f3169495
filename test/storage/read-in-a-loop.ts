/** Readers of what is replaced all the time: each opens again and again until it is told to stop. */
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { Dataset } from '../../src/storage/dataset.ts'

export interface Reading {
  readonly directory: string
  /** The first becomes 1 when readers are to stop; in the second they count themselves when they begin. */
  readonly stop: Int32Array
}

export interface Read {
  readonly times: number
  /** Versions in the order in which they were seen, each once. */
  readonly versions: readonly number[]
  /** How often the reader was told that what it reads has been replaced. */
  readonly replaced: number
  /** What should not have happened. */
  readonly faults: readonly string[]
}

/** Opens models whose every part has the version in it. */
export function readModels({ directory, stop }: Reading): Read {
  return readInALoop(stop, () => {
    const model = Artifact.open(directory, { verify: false })
    const version = model.manifest.options.version as number
    // Of the dataset it was made of: every third has the same.
    const data = version % 3
    const mixed =
      model.tensor('version', Uint32Array).data[0] !== version ||
      model.history.weights[0] !== 1 + data ||
      model.items.at(0) !== data * 10
    model.close()
    return { version, mixed }
  })
}

/** The same, all bytes read and checked. */
export function verifyModels({ directory, stop }: Reading): Read {
  return readInALoop(stop, () => {
    const model = Artifact.open(directory)
    model.close()
    return { version: model.manifest.options.version as number, mixed: false }
  })
}

/** Opens datasets whose every part has the version in it: these are opened one after the other, as they are needed. */
export function readDatasets({ directory, stop }: Reading): Read {
  return readInALoop(stop, () => {
    const dataset = Dataset.open(directory)
    const version = Number(dataset.manifest.source?.version)
    const mixed =
      dataset.byUser.weights[0] !== 1 + version ||
      dataset.items.at(0) !== version * 10 ||
      dataset.byItem.weights[0] !== 1 + version
    return { version, mixed }
  })
}

function readInALoop(stop: Int32Array, read: () => { readonly version: number; readonly mixed: boolean }): Read {
  const versions: number[] = []
  const faults: string[] = []
  let [times, replaced] = [0, 0]
  Atomics.add(stop, 1, 1)
  while (Atomics.load(stop, 0) === 0) {
    times++
    try {
      const { version, mixed } = read()
      if (mixed) faults.push(`version ${version} has parts of another`)
      if (versions.at(-1) !== version) versions.push(version)
    } catch (error) {
      const { message } = error as Error
      if (message.includes('was replaced by another dataset while it was used: open it again')) replaced++
      else faults.push(message)
    }
  }
  return { times, versions, replaced, faults }
}
