import { z } from 'zod'
import { rowOf } from '../evaluation/held-out.ts'
import { Model } from '../models/model.ts'
import { rowsOf } from '../search/factor-ranker.ts'
import { TopKIndex } from '../search/topk.ts'
import { parseOptions, type Register, several, wholeNumber } from './command.ts'
import { known, listed, print } from './look-up.ts'

const Options = z.object({
  user: z.array(z.string()),
  limit: wholeNumber(1, 10_000),
  seen: z.boolean().default(false),
  json: z.boolean().default(false),
})

/** `aurochs recommend`: the best items for users of a model. */
export const register: Register = program => {
  program
    .command('recommend')
    .description('print the best items for a user, without those that the user has already')
    .argument('<model>', 'directory of a trained model')
    .requiredOption('--user <id>', 'whom to recommend to; may be given several times', several)
    .option('--limit <n>', 'items a list', '10')
    .option('--seen', 'list items that the user has already, too')
    .option('--json', 'print one JSON object a line: {"user", "items": [{"item", "score"}]}')
    .action((directory: string, given: unknown) => {
      const { user: ids, limit, seen, json } = parseOptions(Options, given)
      const model = Model.open(directory)
      const users = known(model.users, 'user', ids)
      const index = TopKIndex.build(model.itemFactors, model.rank)
      const queries = Float32Array.from(ids.flatMap((_, at) => [...factorsOf(model, users[at]!)]))
      const found = index.search(queries, { limit, exclude: seen ? undefined : rowsOf(model.history, users) })
      users.forEach((user, at) => {
        const title = `For user ${ids[at]}, who has ${rowOf(model.history, user).length} items:`
        print('user', model.users.at(user), listed(found, at, limit, model.items), title, json)
      })
      model.close()
    })
}

function factorsOf({ userFactors, rank }: Model, user: number): Float32Array {
  return userFactors.subarray(user * rank, (user + 1) * rank)
}
