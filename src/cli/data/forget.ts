import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { hasCatalogue, withCatalogue } from '../../catalogue/idle-catalogue.ts'
import { forgetEvents } from '../../events/idle-state.ts'
import { eventsFile } from '../../events/schema.ts'
import { forgetEverywhere } from '../../models/artifact/forget.ts'
import { LiveLedger } from '../../push/live/ledger/live-ledger.ts'
import { hasLedger } from '../../push/send/tables/schema.ts'
import { formatOf } from '../../storage/directory.ts'
import { withLocks } from '../../storage/directory-lock.ts'
import { parseOptions, type Register, text, UsageError } from '../command.ts'
import { callServer, rpcAddress } from '../server/server-call.ts'

const Options = z.object({
  state: text('a directory').optional(),
  rpc: rpcAddress.optional(),
  json: z.boolean().default(false),
})

const notes = `
Nothing of the user's stays in the events and the pushes, and in each DIRECTORY neither history nor id nor parameters; of a model, MODEL.previous
and MODEL.next are changed too. A running server does it by --rpc, for its events, its memory and the models that it serves. Not reached: what
others' parameters learned from the user, until the next training, backups, exported files, and the files that
datasets were imported from.
`

export const register: Register = program => {
  program
    .command('forget')
    .description('remove all that is known of a user, and say what was reached')
    .argument('<user>', 'id of the user')
    .argument('[directories...]', 'datasets and models')
    .option('--state <directory>', 'where a server that does not run keeps the events, or push run the pushes')
    .option('--rpc <address>', 'the internal RPC of a server that runs')
    .option('--json', 'print what was reached as one JSON object')
    .addHelpText('after', notes)
    .action(async (user: string, directories: readonly string[], given: unknown) => {
      const { state, rpc, json } = parseOptions(Options, given)
      if ((state === undefined) === (rpc === undefined)) {
        throw new UsageError('name either --state, of a server that does not run, or --rpc, of one that does')
      }
      const stray = directories.find(directory => formatOf(directory) === undefined)
      if (stray !== undefined) throw new UsageError(`${stray} is neither a dataset nor a model: nothing was removed`)
      const server = rpc === undefined ? undefined : await callServer(rpc, 'forget', { user })
      const { events } = server ?? forgetFromJournal(state!, user)
      if (state !== undefined && hasCatalogue(state)) await withCatalogue(state, async store => store.forgetUser(user))
      const pushes = state !== undefined && hasLedger(state) ? forgetPushes(state, user) : undefined
      const reached = [...(server?.directories ?? [])]
      await withLocks(directories, async () => {
        for (const directory of directories) reached.push(...(await forgetEverywhere({ directory, user })))
      })
      if (json) process.stdout.write(`${JSON.stringify({ events, pushes, directories: reached })}\n`)
      else {
        const removed = pushes === undefined ? `${events} events` : `${events} events and ${pushes} pushes`
        process.stdout.write(`removed ${removed}; changed ${reached.join(', ') || 'no dataset and no model'}\n`)
      }
      if (directories.length > 0) return
      process.stderr.write('no dataset was named: a model that is trained on one that has the user knows it again\n')
    })
}

/** A state of `push import` and `push run` may have no events. @throws Error where it has no pushes either. */
function forgetFromJournal(state: string, user: string): { readonly events: number } {
  return hasLedger(state) && !existsSync(join(state, eventsFile)) ? { events: 0 } : forgetEvents(state, user)
}

/** Gives how many pushes were removed. */
function forgetPushes(state: string, user: string): number {
  const ledger = LiveLedger.open(state)
  try {
    return ledger.forget(user)
  } finally {
    ledger.close()
  }
}
