import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeUpModel } from './made-up-model.ts'

const root = join(import.meta.dirname, '../..')
const brunch = join(root, '../shared/data/brunch/reads.parquet')

/**
 * The directory of the model that a bench serves: `given`; or one of 64 factors trained on the brunch reads, where they
 * are; or else a made-up one of the same size. What is made is made in `directory`.
 */
export async function streamModel(given: string | undefined, directory: string): Promise<string> {
  return given ?? (hasBrunch() ? trainOnBrunch(directory) : makeUpModel(directory, { seed: 1, firstId: 0 }))
}

/** The brunch reads without those of a tenth of the items. */
const withoutTenth = `select * from source where ('0x' || substr(md5(item::varchar), 1, 4))::int % 10 <> 0`

/**
 * Directories of two models of the same reads, made in `directory`. The second does not know all items of the first, so
 * that nearly every item and user has another row in it.
 */
export async function twoModels(directory: string): Promise<readonly [string, string]> {
  const [first, second] = [join(directory, 'first'), join(directory, 'second')]
  return hasBrunch()
    ? [trainOnBrunch(first), trainOnBrunch(second, withoutTenth)]
    : [await makeUpModel(first, { seed: 1, firstId: 0 }), await makeUpModel(second, { seed: 2, firstId: 1000 })]
}

function hasBrunch(): boolean {
  if (existsSync(brunch)) return true
  process.stderr.write(`${brunch} is not there: serving a made-up model of its size\n`)
  return false
}

function trainOnBrunch(directory: string, query?: string): string {
  process.stderr.write(`training on ${brunch}\n`)
  const [dataset, model] = [join(directory, 'dataset'), join(directory, 'model')]
  const selected = query === undefined ? [] : ['--query', query]
  aurochs('import', brunch, '--user', 'user', '--item', 'item', '--out', dataset, ...selected)
  aurochs('train', dataset, '--model', 'als', '--factors', '64', '--epochs', '8', '--out', model)
  return model
}

function aurochs(...args: string[]): void {
  const { status } = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args], { stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`aurochs ${args.join(' ')} ended with ${status}`)
}
