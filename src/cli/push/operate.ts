/** What operators do while pushes are sent: by the server that sends them, or on the state itself. */
import type { Command } from 'commander'
import { z } from 'zod'
import { type PushReason, reasonInWords } from '../../protocol/push-reasons.ts'
import { parseOptions, text, UsageError, wholeNumber } from '../command.ts'
import { at, place, reach, timeText } from './place.ts'

const PlaceOptions = z.object(place)
const WhyOptions = z.object({ ...place, json: z.boolean().default(false) })
const TestOptions = z.object({ ...place, title: wholeNumber(0, 99).default(0), text: text('a title').optional() })
const OptOutOptions = z.object({ ...place, in: z.boolean().default(false) })

/** `aurochs push pause`, `resume`, `dry-run`, `why`, `test`, `optout`. */
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
  at(push.command('why').description('why a user got, gets or did not get the push of an article'))
    .argument('<user>', 'id of the user')
    .argument('<article>', 'id of the article')
    .option('--json', 'print it as one JSON object')
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

async function why(user: string, article: string, given: unknown): Promise<void> {
  const { json, ...where } = parseOptions(WhyOptions, given)
  const found = await reach(where, 'push_why', { user, article }, ledger => ledger.why(user, article))
  if (json) {
    process.stdout.write(`${JSON.stringify(found)}\n`)
    return
  }
  const { got, reasons } = found
  const answer =
    got === true ? `${user} got` : got === false ? `${user} did not get` : `it is not known yet whether ${user} got`
  process.stdout.write(`${answer} the push of ${article}\n`)
  for (const reason of reasons) process.stdout.write(`  ${reasonInWords(reason as PushReason, timeText)}\n`)
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
  const gets = users.length === 1 ? 'gets' : 'get'
  process.stdout.write(isIn ? `${count} may get pushes again\n` : `${count} ${gets} no more pushes\n`)
}
