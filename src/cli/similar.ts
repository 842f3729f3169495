import { z } from 'zod'
import { OpenModel } from '../models/open-model.ts'
import { parseOptions, type Register, several, wholeNumber } from './command.ts'
import { knownRows, listed, print } from './look-up.ts'

const Options = z.object({
  item: z.array(z.string()),
  limit: wholeNumber(1, 10_000),
  json: z.boolean().default(false),
})

/** `aurochs similar`: the items that the model finds most similar. */
export const register: Register = program => {
  program
    .command('similar')
    .description('print the items most similar to an item')
    .argument('<model>', 'directory of a trained model')
    .requiredOption('--item <id>', 'what to look for; may be given several times', several)
    .option('--limit <n>', 'items a list', '10')
    .option('--json', 'print one JSON object a line: {"item", "items": [{"item", "score"}]}')
    .action((directory: string, given: unknown) => {
      const { item: ids, limit, json } = parseOptions(Options, given)
      const model = OpenModel.open(directory)
      const { items } = model.artifact
      const rows = knownRows(items, 'item', ids)
      const lists = model.similar(rows.map(item => ({ item, limit })))
      rows.forEach((row, at) => {
        print('item', items.at(row), listed(lists[at], items), `Most similar to item ${ids[at]}:`, json)
      })
      model.close()
    })
}
