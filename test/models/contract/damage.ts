import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ModelPool } from '../../../src/models/open/model-pool.ts'
import { OpenModel } from '../../../src/models/open/open-model.ts'
import { Dataset } from '../../../src/storage/dataset.ts'
import { openSafetensors, type TensorArray } from '../../../src/storage/safetensors.ts'
import { freshFolder } from '../../storage/folder.ts'
import { forgedDataset, forgedModel, ofAnotherType, withData, without, withoutLastRow, withValue } from '../forged.ts'
import { checkerboard, datasetOf } from '../interactions.ts'
import { requestOf } from '../requests.ts'
import type { Contract } from './contract.ts'

type MatrixDamage = (matrix: { indptr: BigUint64Array; indices: Uint32Array; weights: Float32Array }) => void

/** Ways in which the tensors of a sparse matrix are none. */
const matrixDamages: Readonly<Record<string, MatrixDamage>> = {
  'row bounds that fall': ({ indptr }) => indptr.set([indptr[4]!, indptr[3]!], 3),
  'row bounds beyond the pairs': ({ indptr }) => indptr.fill(2n ** 40n, 3, 4),
  'a column beyond the last': ({ indices }) => indices.fill(0xffff_fff0, 2, 3),
  'columns that do not ascend': ({ indices }) => indices.set([indices[1]!, indices[0]!]),
  'an infinite weight': ({ weights }) => weights.fill(Number.POSITIVE_INFINITY, 5, 6),
}

/** That damage is refused with the name of the file, and never ends the process. */
export function testDamage({ algorithm, pools, train }: Contract): void {
  test('a file that is cut short, altered or missing is refused by name', async () => {
    const directory = await train(await datasetOf(checkerboard(20)))
    const files = readdirSync(directory)
    expect(files).toEqual(expect.arrayContaining(['manifest.json', 'tensors.safetensors', 'history.safetensors']))
    const copy = join(freshFolder(), 'damaged')
    for (const file of files) {
      const damaged = (damage: (path: string) => void) => {
        rmSync(copy, { recursive: true, force: true })
        cpSync(directory, copy, { recursive: true })
        damage(join(copy, file))
        return () => OpenModel.open(copy)
      }
      const { size } = statSync(join(directory, file))
      expect(damaged(path => truncateSync(path, size - 1))).toThrow(file)
      expect(damaged(path => truncateSync(path, 0))).toThrow(file)
      expect(damaged(path => rmSync(path))).toThrow(file)
      for (const place of [0, size >> 1, size - 2]) {
        expect(
          damaged(path => flipBit(path, place)),
          `byte ${place}`,
          // Which of the two is altered, a file or what the manifest says of it, cannot be told.
        ).toThrow(file === 'manifest.json' ? copy : file)
      }
    }
  })

  test('a manifest with options that the algorithm does not have or take is refused by name and field', async () => {
    const directory = await train(await datasetOf(checkerboard(20)))
    const path = join(directory, 'manifest.json')
    const manifest = JSON.parse(readFileSync(path, 'utf8'))
    const saying = async (options: object) => {
      writeFileSync(path, JSON.stringify({ ...manifest, options: { ...manifest.options, ...options } }))
      expect(() => OpenModel.open(directory)).toThrow(path)
      const unchecked = errorOf(() => OpenModel.open(directory, { verify: false })) as Error
      // The same in the words of a worker.
      const opening = ModelPool.open(directory, { pool: pools()[0]!, verify: false })
      await expect(opening).rejects.toThrow(unchecked.message)
      return unchecked.message
    }
    expect(await saying({ strange: 1 })).toContain(`${path} is damaged: of its options, there is no strange: `)
    for (const name of Object.keys(algorithm.options.shape)) {
      expect(await saying({ [name]: { no: 'option' } })).toMatch(
        /of its options, [^ ]+ must be [^\n]+, got (an object|"option");/,
      )
      expect(await saying({ [name]: 'x' })).toContain(`${path} is damaged: of its options, ${name} must be `)
    }
  })

  test('a tensor that is missing, of another type or of another shape is refused', async () => {
    const directory = await train(await datasetOf(checkerboard(20)))
    const file = 'tensors.safetensors'
    const names = Object.keys(openSafetensors(join(directory, file)).tensors)
    expect(names.length).toBeGreaterThan(0)
    for (const name of names) {
      for (const change of [without, ofAnotherType, withoutLastRow]) {
        const copy = await forgedModel(directory, file, tensors => change(tensors, name))
        expect(() => OpenModel.open(copy), `${change.name} ${name}`).toThrow(join(copy, file))
      }
    }
  })

  test('a value that no training writes is refused by file and tensor, though all checksums fit', async () => {
    const dataset = await datasetOf(checkerboard(20))
    const directory = await train(dataset)
    const file = 'tensors.safetensors'
    const { tensors } = openSafetensors(join(directory, file))
    for (const [name, { data }] of Object.entries(tensors)) {
      for (const place of [0, data.length >> 1, data.length - 1]) {
        const copy = await forgedModel(directory, file, all => withValue(all, name, place, impossibleFor(data, place)))
        expect(() => OpenModel.open(copy), `${name} at ${place}`).toThrow(join(copy, file))
        const { message } = errorOf(() => OpenModel.open(copy)) as Error
        // Where rows end is said by one tensor and has to fit another.
        expect(message).toMatch(new RegExp(`the tensor ${name}: |indices of shape`))
        await expect(ModelPool.open(copy, { pool: pools()[0]! })).rejects.toThrow(message)
        if (!algorithm.resumable) continue
        await expect(train(dataset, { directory: copy, resume: true })).rejects.toThrow(message)
      }
    }
  })

  test('items that come twice where each comes once are refused by file and tensor', async () => {
    const directory = await train(await datasetOf(checkerboard(20)))
    const file = 'tensors.safetensors'
    for (const [name, { data }] of Object.entries(openSafetensors(join(directory, file)).tensors)) {
      if (!(data instanceof Uint32Array) || data[0] === data[1]) continue
      const copy = await forgedModel(directory, file, all => withValue(all, name, 0, data[1]!))
      expect(() => OpenModel.open(copy), name).toThrow(`${join(copy, file)} is damaged: the tensor ${name}:`)
    }
  })

  test.each(Object.entries(matrixDamages))('pairs with %s are refused, though all checksums fit', async (_, damage) => {
    const directory = await train(await datasetOf(checkerboard(20)))
    const copy = await forgedModel(directory, 'history.safetensors', tensors => withData(tensors, damage))
    expect(() => OpenModel.open(copy)).toThrow(`${join(copy, 'history.safetensors')} holds no matrix`)
    // Unchecked, lists may fail or make no sense; what they may not do is end the process.
    const model = OpenModel.open(copy, { verify: false })
    for (let user = 0; user < model.artifact.users.size; user++) {
      expect(errorOf(() => model.rank([requestOf(user), requestOf(user, { seen: 'allow' })]))).toBeOneOf([
        undefined,
        expect.any(Error),
      ])
    }
  })

  test.each(Object.entries(matrixDamages))('training on pairs with %s never ends the process', async (_, damage) => {
    const dataset = await datasetOf(checkerboard(20))
    for (const file of ['by-user.safetensors', 'by-item.safetensors']) {
      const copy = await forgedDataset(dataset.directory, file, tensors => withData(tensors, damage))
      const folder = freshFolder()
      // Not every algorithm reads all of the pairs.
      const outcome = await train(Dataset.open(copy), { directory: join(folder, 'model') }).catch(error => error)
      expect(outcome).toBeOneOf([join(folder, 'model'), expect.any(Error)])
      expect(readdirSync(folder)).toEqual(outcome instanceof Error ? [] : ['model'])
    }
  })
}

/** What no tensor of such elements holds at `place`. */
function impossibleFor(data: TensorArray, place: number): number | bigint {
  if (data instanceof BigUint64Array) return 2n ** 63n
  if (data instanceof Uint32Array) return 0xffff_ffff
  if (data instanceof Uint8Array) return data[place]! ^ 0xff
  return Number.NaN
}

function flipBit(path: string, place: number): void {
  const bytes = readFileSync(path)
  bytes[place]! ^= 1
  writeFileSync(path, bytes)
}

function errorOf(work: () => void): unknown {
  try {
    work()
    return undefined
  } catch (error) {
    return error
  }
}
