import { z } from 'zod'
import { similarMeasureNotes, similarMeasures } from '../../models/algorithm.ts'
import { OpenModel } from '../../models/open/open-model.ts'
import { oneOf } from '../../storage/expectation.ts'
import { plainId } from '../../storage/ids.ts'
import { parseOptions, type Register, wholeNumber } from '../command.ts'
import { listed, nowPositional, print, refuseUnknown } from './look-up.ts'

const Options = z.object({
  limit: wholeNumber(1, 10_000),
  measure: oneOf(similarMeasures).optional(),
  json: z.boolean().default(false),
})

const measures = similarMeasures.map(name => `${name} (${similarMeasureNotes[name]})`).join(', ')

/** `aurochs similar`: the items that the model finds most similar. */
export const register: Register = program => {
  program
    .command('similar')
    .description('print the items most similar to others')
    .argument('<model>', 'directory of a trained model')
    .argument('<item...>', 'ids; those that begin with a dash after --')
    .option('--limit <n>', 'items a list', '10')
    .option('--measure <name>', `by what items are similar, where the model has it: ${measures}; default: the model's`)
    .option('--json', 'print one JSON object a line: {"item", "items": [{"item", "score"}]}')
    .addOption(nowPositional('--item <id>', 'aurochs similar MODEL ITEM...'))
    .action((directory: string, ids: readonly string[], given: unknown) => {
      const { limit, measure, json } = parseOptions(Options, given)
      const model = OpenModel.open(directory)
      try {
        const { items } = model.artifact
        const rows = ids.map(id => items.indexOf(id)).filter(row => row >= 0)
        const lists = rows.length > 0 ? model.similar(rows.map(item => ({ item, limit, measure }))) : []
        rows.forEach((row, at) => {
          const item = plainId(items.at(row))
          print({ item }, listed(lists[at], items), `Most similar to item ${item}:`, json)
        })
        refuseUnknown(items, 'item', ids)
      } finally {
        model.close()
      }
    })
}
