import { z } from 'zod'
import { noEvents, type SourceWeights } from '../../models/algorithm.ts'
import { rowOf } from '../../models/open/history.ts'
import { OpenModel } from '../../models/open/open-model.ts'
import { oneOf } from '../../storage/expectation.ts'
import { plainId } from '../../storage/ids.ts'
import { parseOptions, type Register, text, UsageError, wholeNumber } from '../command.ts'
import { listed, nowPositional, print, refuseUnknown } from './look-up.ts'
import { recommendAll } from './recommend-all.ts'

const Options = z.object({
  limit: wholeNumber(1, 10_000),
  seen: oneOf(['allow', 'exclude']),
  unknown: oneOf(['popularity', 'error']),
  json: z.boolean().default(false),
  all: z.boolean().default(false),
  out: text('a directory').optional(),
  threads: wholeNumber(1, 1024).optional(),
  replace: z.boolean().default(false),
})

const allNotes = `
With --all, the lists of all users that the model knows are written to the directory --out: part-00000.parquet and so on, with the columns
user, rank, item, score and source, and lists.json, which says of which model they are. A part appears once it is whole; interrupted,
the same command goes on with the parts that are missing.`

/** `aurochs recommend`: the best items for users of a model, as evaluation and serving rank them. */
export const register: Register = program => {
  program
    .command('recommend')
    .description('print the best items for users, without those that they have already')
    .argument('<model>', 'directory of a trained model')
    .argument('[user...]', 'ids; those that begin with a dash after --')
    .option('--limit <n>', 'items a list', '10')
    .option('--seen <how>', 'items that the user has already: allow or exclude', 'exclude')
    .option(
      '--unknown <what>',
      'for users whom the model does not know: popularity lists what most users have, error ends with exit code 3',
      'popularity',
    )
    .option(
      '--json',
      'print one JSON object a line: {"user", "basis", "items": [{"item", "score", "source"}]}, with "weights" of sources where the model weighs some',
    )
    .option('--all', 'write the lists of all users to --out, in place of printing those of some')
    .option('--out <directory>', 'with --all: where the lists go')
    .option('--threads <n>', 'with --all: workers (default: as many as the machine runs at once)')
    .option('--replace', 'with --all: take the place of lists at --out, in place of going on with them')
    .addOption(nowPositional('--user <id>', 'aurochs recommend MODEL USER...'))
    .addHelpText('after', allNotes)
    .action(async (directory: string, ids: readonly string[], given: unknown) => {
      const { limit, seen, unknown, json, ...all } = parseOptions(Options, given)
      if (all.all) {
        if (ids.length > 0) throw new UsageError(`--all is for all users: leave it out, or the ids ${ids.join(', ')}`)
        await recommendAll(directory, { ...all, limit, seen, json })
        return
      }
      const foreign = (['out', 'threads', 'replace'] as const).find(name => all[name])
      if (foreign) throw new UsageError(`--${foreign} is an option of --all: give that, too, or leave it out`)
      if (ids.length === 0) throw new UsageError('recommend needs ids of users, or --all with --out; got neither')
      const model = OpenModel.open(directory)
      try {
        const { users, items, history } = model.artifact
        const wanted = ids
          .map(id => ({ id, user: users.indexOf(id) }))
          .filter(({ user }) => user >= 0 || unknown === 'popularity')
        const exclude = new Uint32Array(0)
        const now = Date.now()
        const lists = model.rank(wanted.map(({ user }) => ({ user, recent: noEvents, now, seen, limit, exclude })))
        wanted.forEach(({ id, user }, at) => {
          const { basis, weights } = lists[at]
          const known = user >= 0
          const title = known
            ? `For user ${id}, who has ${counted(rowOf(history, user).indices.length, 'item')}${leaning(weights)}:`
            : `For user ${id}, whom the model does not know, what most users have:`
          const about = { user: plainId(known ? users.at(user) : id), basis, ...(weights && { weights }) }
          print(about, listed(lists[at], items), title, json)
        })
        if (unknown === 'error') refuseUnknown(users, 'user', ids)
      } finally {
        model.close()
      }
    })
}

function leaning(weights: SourceWeights = {}): string {
  const shares = Object.entries(weights).map(([source, weight]) => `, ${source} ${Math.round(100 * weight)} %`)
  return shares.join('')
}

function counted(count: number, name: string): string {
  return `${count} ${name}${count === 1 ? '' : 's'}`
}
