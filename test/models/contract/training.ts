import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TrainProgress } from '../../../src/models/algorithm.ts'
import { Artifact } from '../../../src/models/artifact/artifact.ts'
import { algorithms } from '../../../src/models/registry.ts'
import { freshFolder } from '../../storage/folder.ts'
import { checkerboard, datasetOf, randomInteractions } from '../interactions.ts'
import { smallOptions, trained } from '../trained.ts'
import type { Contract } from './contract.ts'

const reason = new Error('enough')

/** Options that abort a training before it begins, and once a part of it is done. */
function interruptions() {
  const controller = new AbortController()
  const onProgress = ({ done }: TrainProgress) => {
    if (done > 0 && done < 1) controller.abort(reason)
  }
  return [{ signal: AbortSignal.abort(reason) }, { signal: controller.signal, onProgress }]
}

/** That training gives the same model however it is run, what an interruption leaves, and what is refused. */
export function testTraining({ algorithm, pools, train }: Contract): void {
  const tensorsOf = (directory: string) => readFileSync(join(directory, 'tensors.safetensors'))

  test('any number of workers gives the same bytes', async () => {
    const dataset = await datasetOf(randomInteractions(150, 60, 2))
    const [expected, ...others] = await Promise.all(
      pools().map(async pool => tensorsOf(await train(dataset, { pool }))),
    )
    for (const other of others) expect(other.equals(expected!)).toBe(true)
  })

  test.runIf(algorithm.resumable)('an interrupted training goes on to the same bytes as one that was not', async () => {
    const dataset = await datasetOf(checkerboard(40))
    const whole = await train(dataset)
    for (const interruption of interruptions()) {
      const directory = await train(dataset, interruption)
      expect(interruption.signal.aborted).toBe(true)
      expect(Artifact.open(directory).manifest.complete).toBe(false)
      await train(dataset, { directory, resume: true })
      const { created: _, ...manifest } = Artifact.open(directory).manifest
      const { created: __, ...expected } = Artifact.open(whole).manifest
      expect(manifest).toEqual(expected)
      expect(tensorsOf(directory).equals(tensorsOf(whole))).toBe(true)
    }
  })

  test.runIf(algorithm.resumable)('a training goes on from any of its checkpoints', async () => {
    const dataset = await datasetOf(checkerboard(40))
    const whole = Artifact.open(await train(dataset)).manifest
    const folder = freshFolder()
    const directory = join(folder, 'model')
    const checkpoints: string[] = []
    const keepCheckpoint = () => {
      if (!existsSync(directory)) return
      const copy = join(folder, `checkpoint-${checkpoints.length}`)
      cpSync(directory, copy, { recursive: true })
      checkpoints.push(copy)
    }
    await train(dataset, { directory, checkpointSeconds: 0, onProgress: keepCheckpoint })
    expect(Artifact.open(directory).manifest.files).toEqual(whole.files)
    expect(checkpoints.length).toBeGreaterThan(1)
    for (const checkpoint of [checkpoints[0]!, checkpoints.at(-1)!]) {
      expect(Artifact.open(checkpoint).manifest.complete).toBe(false)
      await train(dataset, { directory: checkpoint, resume: true })
      expect(Artifact.open(checkpoint).manifest.files).toEqual(whole.files)
    }
  })

  test.runIf(!algorithm.resumable)('an interrupted training fails with the reason and leaves nothing', async () => {
    const dataset = await datasetOf(randomInteractions(300, 100, 4))
    for (const { signal, ...more } of interruptions()) {
      const folder = freshFolder()
      const outcome = await train(dataset, { directory: join(folder, 'model'), signal, ...more }).catch(error => error)
      // One that ends before a part of it is reported cannot be interrupted in between.
      expect(outcome).toBe(signal.aborted ? reason : join(folder, 'model'))
      expect(readdirSync(folder)).toEqual(signal.aborted ? [] : ['model'])
    }
  })

  test('a model that is there stays unless it is to be replaced', async () => {
    const dataset = await datasetOf(checkerboard(20))
    const directory = await train(dataset)
    const before = Artifact.open(directory).manifest
    await expect(train(dataset, { directory })).rejects.toThrow(
      `${directory} exists: choose another place, replace it (replace, --replace) or go on from it (resume, --resume)`,
    )
    expect(Artifact.open(directory).manifest).toEqual(before)
    await train(await datasetOf(checkerboard(22)), { directory, replace: true })
    expect(Artifact.open(directory).manifest.dataset.users).toBe(22)
    const note = join(directory, 'NOTES.md')
    writeFileSync(note, 'mine')
    await expect(train(dataset, { directory, replace: true })).rejects.toThrow(
      `${note} is not part of it, so the model at`,
    )
    expect(readFileSync(note, 'utf8')).toBe('mine')
  })

  test.runIf(algorithm.resumable)('resuming on other data, options or algorithms is refused', async () => {
    const dataset = await datasetOf(checkerboard(20))
    const directory = await train(dataset)
    const before = Artifact.open(directory).manifest
    const other = await datasetOf(checkerboard(22))
    await expect(train(other, { directory, resume: true })).rejects.toThrow(
      `${directory} was trained on another dataset than ${other.directory}: train it anew, or name its own`,
    )
    const [name, value] = anotherOption()
    const options = { ...smallOptions(algorithm), [name]: value }
    await expect(train(dataset, { directory, resume: true, options })).rejects.toThrow(
      new RegExp(`was trained with ${name} .+, not ${value}: resume it with the same`),
    )
    const fewer = { ...smallOptions(algorithm), epochs: before.epochs - 1 }
    await expect(train(dataset, { directory, resume: true, options: fewer })).rejects.toThrow(
      `${directory} has had ${before.epochs} epochs already: epochs (--epochs) must be as many in all or more, got ${before.epochs - 1}`,
    )
    expect(Artifact.open(directory).manifest).toEqual(before)
    for (const foreign of algorithms.filter(({ name }) => name !== algorithm.name)) {
      const theirs = await trained(foreign, dataset, { pool: pools()[0]! })
      await expect(train(dataset, { directory: theirs, resume: true })).rejects.toThrow(
        `${theirs} is a model of ${foreign.name}, not of ${algorithm.name}: name its algorithm (--model ${foreign.name})`,
      )
    }
  })

  test.runIf(!algorithm.resumable)('resuming is refused', async () => {
    const dataset = await datasetOf(checkerboard(20))
    const directory = await train(dataset)
    await expect(train(dataset, { directory, resume: true })).rejects.toThrow(
      `${algorithm.name} trains in one go and has nothing to resume: replace the model in place of resuming it (replace, --replace)`,
    )
  })

  test('options that it does not have or take are refused in words before anything is written', async () => {
    const folder = freshFolder()
    const dataset = await datasetOf(checkerboard(10))
    const names = Object.keys(algorithm.options.shape)
    const refused = (options: Readonly<Record<string, unknown>>) =>
      train(dataset, { directory: join(folder, 'model'), options }).catch(error => error)
    const foreign = await refused({ 'no such option': 1 })
    expect(foreign).toBeInstanceOf(TypeError)
    const expected = names.length > 0 ? `expected one of ${names.join(', ')}` : 'none is expected'
    expect(foreign.message).toBe(`options of ${algorithm.name}: there is no no such option: ${expected}`)
    for (const name of names) {
      const wrong = await refused({ [name]: ['wrong'] })
      expect(wrong).toBeInstanceOf(TypeError)
      expect(wrong.message).toMatch(new RegExp(`^options of ${algorithm.name}: ${name} must be .+, got an array$`))
    }
    expect(readdirSync(folder)).toEqual([])
  })

  test('a dataset that is replaced while it is trained on fails the training, and nothing is left', async () => {
    const dataset = await datasetOf(checkerboard(20))
    const other = await datasetOf(checkerboard(20))
    rmSync(dataset.directory, { recursive: true })
    cpSync(other.directory, dataset.directory, { recursive: true })
    const folder = freshFolder()
    await expect(train(dataset, { directory: join(folder, 'model') })).rejects.toThrow(
      `${dataset.directory} was replaced by another dataset while it was used: open it again`,
    )
    expect(readdirSync(folder)).toEqual([])
  })

  test('progress rises to the whole', async () => {
    const shares: number[] = []
    await train(await datasetOf(randomInteractions(100, 40, 6)), {
      onProgress: ({ done, rowsPerSecond, secondsLeft }) => {
        shares.push(done)
        expect(rowsPerSecond).toBeGreaterThanOrEqual(0)
        expect(secondsLeft).toBeGreaterThanOrEqual(0)
      },
    })
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
    expect(shares.at(-1) ?? 1).toBe(1)
  })

  test('each option has a default, where it needs one, and a description', () => {
    expect(algorithm.summary).not.toBe('')
    expect(algorithm.options.parse({})).toBeTruthy()
    for (const [name, option] of Object.entries(algorithm.options.shape)) expect(option.description, name).toBeTruthy()
  })

  /** An option that is a number, and a value that it does not have here. */
  function anotherOption(): [name: string, value: number] {
    const given = algorithm.options.parse(smallOptions(algorithm)) as Readonly<Record<string, unknown>>
    for (const [name, value] of Object.entries(given)) {
      if (typeof value !== 'number' || name === 'epochs') continue
      if (algorithm.options.safeParse({ ...given, [name]: value + 1 }).success) return [name, value + 1]
    }
    throw new Error(`${algorithm.name} has no numeric option to change`)
  }
}
