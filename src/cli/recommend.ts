import { z } from 'zod'
import { noEvents } from '../models/algorithm.ts'
import { rowOf } from '../models/history.ts'
import { OpenModel } from '../models/open-model.ts'
import { parseOptions, type Register, several, wholeNumber } from './command.ts'
import { knownRows, listed, print } from './look-up.ts'

const Options = z.object({
  user: z.array(z.string()),
  limit: wholeNumber(1, 10_000),
  seen: z.enum(['allow', 'exclude'], { error: ({ input }) => `must be allow or exclude, got ${input}` }),
  json: z.boolean().default(false),
})

/** `aurochs recommend`: the best items for users of a model, as evaluation and serving rank them. */
export const register: Register = program => {
  program
    .command('recommend')
    .description('print the best items for a user, without those that the user has already')
    .argument('<model>', 'directory of a trained model')
    .requiredOption('--user <id>', 'whom to recommend to; may be given several times', several)
    .option('--limit <n>', 'items a list', '10')
    .option('--seen <how>', 'items that the user has already: allow or exclude', 'exclude')
    .option('--json', 'print one JSON object a line: {"user", "items": [{"item", "score"}]}')
    .action((directory: string, given: unknown) => {
      const { user: ids, limit, seen, json } = parseOptions(Options, given)
      const model = OpenModel.open(directory)
      const { users, items, history } = model.artifact
      const rows = knownRows(users, 'user', ids)
      const exclude = new Uint32Array(0)
      const lists = model.rank(rows.map(user => ({ user, recent: noEvents, seen, limit, exclude })))
      rows.forEach((row, at) => {
        const title = `For user ${ids[at]}, who has ${rowOf(history, row).indices.length} items:`
        print('user', users.at(row), listed(lists[at], items), title, json)
      })
      model.close()
    })
}
