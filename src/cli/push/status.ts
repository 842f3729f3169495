import type { Command } from 'commander'
import { z } from 'zod'
import { limits } from '../../protocol/limits.ts'
import type { Results } from '../../protocol/methods.ts'
import type { CampaignStatus, SendsByReason } from '../../push/send/campaign-summary.ts'
import { oneOf } from '../../storage/expectation.ts'
import { parseOptions, text, wholeNumber } from '../command.ts'
import { table } from '../terminal/table.ts'
import { at, type Place, place, reach, timeText } from './place.ts'

const states = ['open', 'paused', 'stopped', 'over', 'dry'] as const

const Options = z.object({
  ...place,
  limit: wholeNumber(1, 1_000_000).default(20),
  find: text('a text').optional(),
  only: oneOf(states).optional(),
  imported: z.boolean().default(false),
  json: z.boolean().default(false),
})

type Filter = Pick<z.output<typeof Options>, 'find' | 'only' | 'imported' | 'limit'>

/** `aurochs push status`. */
export function registerStatus(push: Command): void {
  at(
    push
      .command('status')
      .description('whether pushes are paused, campaigns with their counts, and how the senders do'),
  )
    .option('--limit <n>', 'campaigns, the newest (default: 20)')
    .option('--find <text>', 'those with a text in their id or a title')
    .option('--only <state>', `those that are ${states.join(', ')}`)
    .option('--imported', 'also those of pushes that were imported')
    .option('--json', 'print it as one JSON object')
    .action(runStatus)
}

async function runStatus(given: unknown): Promise<void> {
  const { json, limit, find, only, imported, ...where } = parseOptions(Options, given)
  const found = await statusOf(where, { limit, find, only, imported })
  process.stdout.write(json ? `${JSON.stringify(found)}\n` : inWords(found))
}

/** Page by page, as many as are asked for. */
async function statusOf(
  where: Place,
  { limit, find: text, only: state, imported }: Filter,
): Promise<Results['push_status']> {
  const campaigns: CampaignStatus[] = []
  let sends: readonly SendsByReason[] | undefined
  for (;;) {
    const isFirst = campaigns.length === 0
    const size = Math.min(limits.pushCampaigns, limit - campaigns.length)
    const query = { text, state, imported, limit: size, before: campaigns.at(-1)?.id }
    const found = await reach(where, 'push_status', { ...query, reasons: isFirst }, ledger => {
      const since = Date.now() - 7 * 86_400_000
      const about = { users: ledger.userCount(), sends: isFirst ? ledger.sendsByReason(since) : undefined }
      return Object.assign(about, ledger.statusPage(query))
    })
    campaigns.push(...found.campaigns)
    sends ??= found.sends
    if (campaigns.length === limit || found.campaigns.length < size) {
      return Object.assign({}, found, { campaigns, sends })
    }
  }
}

function inWords({ pausedSince, isDryRun, campaigns, total, open, sends = [] }: Results['push_status']): string {
  const lines: string[] = []
  if (pausedSince !== undefined) lines.push(`all pushes are paused since ${timeText(pausedSince)}`)
  if (isDryRun) lines.push('a dry run: nothing is sent')
  if (total === 0) lines.push('no article was pushed, or none that is asked for')
  else {
    const hasDry = campaigns.some(({ isDry }) => isDry)
    const rows = campaigns.map(campaign => rowOf(campaign, hasDry))
    lines.push(table([hasDry ? [...heading, wouldBe] : heading, ...rows]).trimEnd())
    lines.push(`${campaigns.length} of ${total} ${total === 1 ? 'campaign' : 'campaigns'}, newest first; ${open} open`)
  }
  lines.push(...senderLines(sends))
  return `${lines.join('\n')}\n`
}

const heading = ['article', 'begun', 'state', 'waits', 'sent', 'clicks', 'failed', 'held out', 'at most']
const wouldBe = 'would be sent'

function rowOf(
  { id, starts, ends, paused, stopped, isDry, counts }: CampaignStatus,
  hasDry: boolean,
): (string | number)[] {
  const { reserved, handed, delivered, unknown, clicked, failed, expired, cancelled, heldOut, budget, dry } = counts
  const state = stateOf({ ends, paused, stopped, isDry })
  const row = [id, timeText(starts), state, reserved + handed, delivered + unknown, clicked]
  row.push(failed + expired + cancelled, heldOut, budget)
  return hasDry ? [...row, dry] : row
}

function stateOf({
  ends,
  paused,
  stopped,
  isDry,
}: Pick<CampaignStatus, 'ends' | 'paused' | 'stopped' | 'isDry'>): string {
  const state =
    stopped !== undefined ? 'stopped' : ends <= Date.now() ? 'over' : paused !== undefined ? 'paused' : 'runs'
  return isDry ? `${state}, dry` : state
}

/** What became of the pushes of the last week, by sender, with the reasons of those that did not arrive. */
function senderLines(sends: readonly SendsByReason[]): string[] {
  return [...new Set(sends.map(({ sender }) => sender))].map(sender => {
    const own = sends.filter(each => each.sender === sender)
    const count = (some: readonly SendsByReason[]) => some.reduce((sum, { sends }) => sum + sends, 0)
    const out = own.filter(({ state }) => state === 'delivered' || state === 'unknown')
    const open = own.filter(({ state }) => state === 'reserved' || state === 'handed')
    const failed = own.filter(each => !out.includes(each) && !open.includes(each))
    const last = Math.max(...out.map(({ last }) => last))
    const why = failed.map(
      ({ state, reason, sends }) => `${sends} ${state}${reason === undefined ? '' : ` (${reason})`}`,
    )
    const sent = `${count(out)} sent${out.length > 0 ? `, the last ${timeText(last)}` : ''}`
    const parts = [sent, `${count(open)} wait`, failed.length === 0 ? 'none failed' : why.join(', ')]
    return `sender ${sender}, last 7 days: ${parts.join('; ')}`
  })
}
