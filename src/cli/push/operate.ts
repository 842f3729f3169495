/** What operators do while pushes are sent: by the server that sends them, or on the state itself. */
import type { Command } from 'commander'
import { z } from 'zod'
import type { MethodName, ParamsInput, Results } from '../../protocol/methods.ts'
import type { CampaignStatus } from '../../push/send/campaign-summary.ts'
import { PushLedger } from '../../push/send/ledger.ts'
import { hasLedger, ledgerName } from '../../push/send/tables/schema.ts'
import { namedError } from '../../storage/sqlite-errors.ts'
import { parseOptions, text, UsageError, wholeNumber } from '../command.ts'
import { callServer, rpcAddress } from '../server/server-call.ts'
import { table } from '../terminal/table.ts'

const place = {
  state: text('a directory').optional(),
  rpc: rpcAddress.optional(),
  key: text('a key').optional(),
}
const PlaceOptions = z.object(place)
const StatusOptions = z.object({ ...place, limit: wholeNumber(1, 100).default(20), json: z.boolean().default(false) })
const TestOptions = z.object({ ...place, title: wholeNumber(0, 99).default(0), text: text('a title').optional() })
const OptOutOptions = z.object({ ...place, in: z.boolean().default(false) })

type Place = z.output<typeof PlaceOptions>

/** `aurochs push pause`, `resume`, `dry-run`, `status`, `why`, `test`, `optout`. */
export function registerOperation(push: Command): void {
  at(push.command('pause').description('hand over no more pushes, or none of an article'))
    .argument('[article]', 'id of the article; all where none is named')
    .action((article: string | undefined, given: unknown) => pause(article, true, given))
  at(push.command('resume').description('go on with pushes, or with those of an article'))
    .argument('[article]', 'id of the article; all where none is named')
    .action((article: string | undefined, given: unknown) => pause(article, false, given))
  at(push.command('dry-run').description('decide and record everything and send nothing; off: send again'))
    .argument('[on]', 'on or off', 'on')
    .action(dryRun)
  at(push.command('status').description('whether pushes are paused, and campaigns with their counts'))
    .option('--limit <n>', 'campaigns, the newest (default: 20)')
    .option('--json', 'print it as one JSON object')
    .action(status)
  at(push.command('why').description('why a user got, gets or did not get the push of an article'))
    .argument('<user>', 'id of the user')
    .argument('<article>', 'id of the article')
    .action(why)
  at(
    push
      .command('test')
      .description('send the push of an article to users who look at it first, beside their weekly one'),
  )
    .argument('<article>', 'id of an article of the catalogue, pushed already or not')
    .argument('<users...>', 'ids of users who have an address')
    .option('--title <n>', 'which of its titles (default: 0)')
    .option('--text <title>', 'another title in its place')
    .action(test)
  at(push.command('optout').description('have users get no more pushes'))
    .argument('<users...>', 'ids of users')
    .option('--in', 'have them get pushes again')
    .action(optOut)
}

function at(command: Command): Command {
  return command
    .option('--state <directory>', 'where the pushes are kept; they may be sent meanwhile')
    .option('--rpc <address>', 'the internal RPC of a server that sends pushes')
    .option('--key <key>', 'a key of an admin, where the server expects one (default: the variable AUROCHS_KEY)')
}

/** By the server, or on the ledger of the state. */
async function reach<Name extends MethodName>(
  { state, rpc, key }: Place,
  method: Name,
  params: ParamsInput<Name>,
  onLedger: (ledger: PushLedger) => unknown,
): Promise<Results[Name]> {
  if ((state === undefined) === (rpc === undefined)) {
    throw new UsageError('name either --state, where the pushes are kept, or --rpc, of a server that sends them')
  }
  if (rpc !== undefined) return callServer(rpc, method, params, { key })
  if (!hasLedger(state!)) {
    throw new UsageError(`${state} has no pushes: name the --state of aurochs push run or import`)
  }
  const ledger = PushLedger.open(state!)
  try {
    return onLedger(ledger) as Results[Name]
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new UsageError(error.message, 1)
    throw namedError(error, ledgerName(state!))
  } finally {
    ledger.close()
  }
}

async function pause(article: string | undefined, isPaused: boolean, given: unknown): Promise<void> {
  await reach(parseOptions(PlaceOptions, given), isPaused ? 'push_pause' : 'push_resume', { article }, ledger =>
    article === undefined ? ledger.pauseAll(isPaused) : ledger.pause(article, isPaused),
  )
  const what = article === undefined ? 'all pushes' : `pushes of ${article}`
  process.stdout.write(
    isPaused ? `${what} are paused: nothing of them is handed over until push resume\n` : `${what} go on\n`,
  )
}

async function dryRun(on: string, given: unknown): Promise<void> {
  if (on !== 'on' && on !== 'off') throw new UsageError(`expected on or off, got ${on}`)
  const isDry = on === 'on'
  await reach(parseOptions(PlaceOptions, given), 'push_dry_run', { on: isDry }, ledger => ledger.dryRun(isDry))
  process.stdout.write(
    isDry ? 'from now on everything is decided and nothing sent, until push dry-run off\n' : 'pushes are sent\n',
  )
}

async function status(given: unknown): Promise<void> {
  const { limit, json, ...where } = parseOptions(StatusOptions, given)
  const found = await reach(where, 'push_status', { limit }, ledger => ledger.statusPage({ limit }))
  if (json) {
    process.stdout.write(`${JSON.stringify(found)}\n`)
    return
  }
  const { pausedSince, isDryRun, campaigns } = found
  if (pausedSince !== undefined) process.stdout.write(`all pushes are paused since ${timeText(pausedSince)}\n`)
  if (isDryRun) process.stdout.write('a dry run: nothing is sent\n')
  if (campaigns.length === 0) process.stdout.write('no article was pushed yet\n')
  else process.stdout.write(table([heading, ...campaigns.map(rowOf)]))
}

const heading = ['article', 'begun', 'state', 'waits', 'sent', 'clicks', 'failed', 'held out', 'budget']

function rowOf({ id, starts, ends, paused, stopped, isDry, counts }: CampaignStatus): (string | number)[] {
  const { reserved, handed, delivered, unknown, clicked, failed, expired, cancelled, heldOut, budget, dry } = counts
  const now = Date.now()
  const state = isDry
    ? 'dry'
    : paused !== undefined
      ? 'paused'
      : ends <= now
        ? 'over'
        : stopped !== undefined
          ? 'stopped'
          : 'runs'
  const sent = isDry ? dry : delivered + unknown
  return [id, timeText(starts), state, reserved + handed, sent, clicked, failed + expired + cancelled, heldOut, budget]
}

async function why(user: string, article: string, given: unknown): Promise<void> {
  const where = parseOptions(PlaceOptions, given)
  const { got, reasons } = await reach(where, 'push_why', { user, article }, ledger => ledger.why(user, article))
  const answer =
    got === true ? `${user} got` : got === false ? `${user} did not get` : `it is not known yet whether ${user} got`
  process.stdout.write(`${answer} the push of ${article}\n`)
  for (const { code, ...rest } of reasons) {
    const fields = Object.entries(rest).filter(([, value]) => value !== undefined)
    const said = fields.map(([name, value]) => `${name} ${isTime(name) ? timeText(value as number) : value}`)
    process.stdout.write(`  ${[code, ...said].join(', ')}\n`)
  }
}

async function test(article: string, users: string[], given: unknown): Promise<void> {
  const { title, text, ...where } = parseOptions(TestOptions, given)
  const sent = await reach(where, 'push_test', { article, users, title, text }, ledger =>
    ledger.sendTest(article, users, text ?? title),
  )
  for (const { user } of sent.sends) process.stdout.write(`${user}: on its way\n`)
  for (const { user, reason } of sent.refused) process.stdout.write(`${user}: not sent, ${reason}\n`)
  if (sent.sends.length === 0) process.exitCode = 1
}

async function optOut(users: string[], given: unknown): Promise<void> {
  const { in: isIn, ...where } = parseOptions(OptOutOptions, given)
  for (const user of where.rpc === undefined ? users.slice(0, 1) : users) {
    await reach(where, 'push_opt_out', { user, optedOut: !isIn }, ledger => ledger.optOut(users, !isIn))
  }
  const count = `${users.length} ${users.length === 1 ? 'user' : 'users'}`
  process.stdout.write(isIn ? `${count} may get pushes again\n` : `${count} get no more pushes\n`)
}

const times = new Set(['since', 'starts', 'ended', 'until', 'reserved', 'due', 'handed', 'clicked'])

function isTime(name: string): boolean {
  return times.has(name)
}

function timeText(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ')
}
