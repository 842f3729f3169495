import { z } from 'zod'
import { Model } from '../models/model.ts'
import { TopKIndex } from '../search/topk.ts'
import { parseOptions, type Register, several, wholeNumber } from './command.ts'
import { known, listed, print } from './look-up.ts'

const Options = z.object({
  item: z.array(z.string()),
  limit: wholeNumber(1, 10_000),
  json: z.boolean().default(false),
})

/** `aurochs similar`: the items whose factors point the same way. */
export const register: Register = program => {
  program
    .command('similar')
    .description('print the items most like an item, by the cosine of their factors')
    .argument('<model>', 'directory of a trained model')
    .requiredOption('--item <id>', 'what to look for; may be given several times', several)
    .option('--limit <n>', 'items a list', '10')
    .option('--json', 'print one JSON object a line: {"item", "items": [{"item", "score"}]}')
    .action((directory: string, given: unknown) => {
      const { item: ids, limit, json } = parseOptions(Options, given)
      const model = Model.open(directory)
      const chosen = known(model.items, 'item', ids)
      const found = TopKIndex.build(model.itemFactors, model.rank).similar(chosen, { limit })
      chosen.forEach((item, at) => {
        print('item', model.items.at(item), listed(found, at, limit, model.items), `Most like item ${ids[at]}:`, json)
      })
      model.close()
    })
}
