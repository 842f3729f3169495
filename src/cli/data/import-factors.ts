import { z } from 'zod'
import { factorAlgorithms, type ImportedFactors, importFactors } from '../../interchange/factors/import/import.ts'
import type { Algorithm } from '../../models/algorithm.ts'
import { algorithmNamed, defaultAlgorithm } from '../../models/registry.ts'
import { assertPlace } from '../../models/training/train.ts'
import { Pool } from '../../parallel/pool.ts'
import { Dataset } from '../../storage/dataset.ts'
import { oneOf } from '../../storage/expectation.ts'
import { parseOptions, type Register, text, UsageError, wholeNumber } from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { addAlgorithmOptions, parseAlgorithmOptions } from '../training/algorithm-options.ts'

const names = factorAlgorithms.map(({ name }) => name)

const flags = z.looseObject({
  out: text('a directory'),
  dataset: text('a directory').optional(),
  userIds: text('a file').optional(),
  itemIds: text('a file').optional(),
  model: oneOf(names).optional(),
  threads: wholeNumber(1, 1024).optional(),
  replace: z.boolean().default(false),
  json: z.boolean().default(false),
})

const notes = `
A SOURCE is an .npz that implicit saved, the directory of Spark's ALSModel or of \`aurochs export-factors\`, or a .safetensors file with the tensors users and
items (or user_factors and item_factors); or there are two, of users and of items: .npy of two dimensions, or Parquet with a column of ids and one of lists.
Ids are those of the source, or of --user-ids and --item-ids (a line each, or .npy), else row numbers from 0.

Known users are ranked by their trained vectors, as the other program ranks them; new users and events are folded in by the algorithm of --model
(default: what the file says, else ${defaultAlgorithm.name}) with its options: give those of the training that the file does not say. With --dataset, whose rows are
found by ids, lists leave out what users have, and histories are folded in whole.`

/** `aurochs import-factors`: a model of factors that another program trained. */
export const register: Register = program => {
  const command = program
    .command('import-factors')
    .description('make a model of factors that another program trained')
    .argument('<SOURCE...>', 'a file or directory with both sides, or a file of users and one of items')
    .requiredOption('--out <directory>', 'where the model goes')
    .option('--dataset <directory>', 'the pairs that the factors were trained on')
    .option('--user-ids <file>', 'ids of users, one a row of the factors')
    .option('--item-ids <file>', 'ids of items, one a row of the factors')
    .option('--model <name>', `the algorithm that folds in: ${names.join(' or ')}`)
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .option('--replace', 'take the place of the model at --out')
    .option('--json', 'print the manifest as one line of JSON')
    .addHelpText('after', notes)
    .action(run)
  addAlgorithmOptions(command, factorAlgorithms)
}

async function run(sources: string[], given: Record<string, unknown>): Promise<void> {
  const { out, dataset: place, userIds, itemIds, model, threads, replace, json } = parseOptions(flags, given)
  const algorithm = model === undefined ? undefined : algorithmNamed(model)
  const options = (chosen: Algorithm) => parseAlgorithmOptions([chosen], given).get(chosen) ?? {}
  if (algorithm) options(algorithm)
  assertPlace(out, { replace })
  const dataset = place === undefined ? undefined : Dataset.open(place, { verify: true })
  const pool = new Pool(threads === undefined ? {} : { threads })
  try {
    const work = () => importFactors(out, { sources, userIds, itemIds, algorithm, options, dataset, pool, replace })
    const imported = await interruptible(work).catch(error => {
      const isUsage = (error instanceof TypeError || error instanceof RangeError) && !('code' in error)
      throw isUsage ? new UsageError(error.message) : error
    })
    process.stdout.write(json ? `${JSON.stringify(imported.manifest)}\n` : summary(out, imported))
  } finally {
    await pool.close()
    dataset?.close()
  }
}

function summary(out: string, { manifest, unmatched }: ImportedFactors): string {
  const { algorithm, dataset, findings = [] } = manifest
  const lines = [`${out}: a model of ${algorithm}: ${findings.join('; ')}`]
  if (dataset.pairs === 0) lines.push('it has no pairs: lists may have what users have already (--dataset names them)')
  for (const [name, { unknown, without }] of Object.entries(unmatched ?? {})) {
    if (unknown > 0) lines.push(`${count(unknown)} ${name} of the factors are not in the dataset, and were left out`)
    if (without > 0) lines.push(`${count(without)} ${name} of the dataset have no factors`)
  }
  return `${lines.join('\n')}\n`
}

function count(n: number): string {
  return n.toLocaleString('en')
}
