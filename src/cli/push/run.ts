import type { Command } from 'commander'
import { z } from 'zod'
import { PushEngine } from '../../push/live/engine.ts'
import { pushesOf } from '../../push/live/parts/open-loop.ts'
import { oneOf } from '../../storage/expectation.ts'
import { parseOptions, text } from '../command.ts'
import { endSignals } from '../terminal/interrupt.ts'
import { openLog } from '../terminal/log.ts'
import { pushConfigIn } from './push-config.ts'

const Options = z.object({
  state: text('a directory'),
  config: text('a file'),
  logLevel: oneOf(['silent', 'error', 'warn', 'info', 'debug']),
})

const notes = `
FILE is JSON; paths in it are relative to it, times are such as 30s, 15m, 4h or 7d, and secrets are {"file": PATH} or {"env": NAME}:

  {
    "senders": {                       what pushes go out by; the channels of users name them
      "app": {"type": "webhook", "url": "https://example.org/push", "secret": {"env": "PUSH_SECRET"}},
      "web": {"type": "web-push", "vapid": {"subject": "mailto:a@example.org", "publicKey": "…", "privateKey": {"file": "vapid.key"}}},
      "android": {"type": "fcm", "account": {"file": "account.json"}},
      "ios": {"type": "apns", "key": {"file": "key.p8"}, "keyId": "…", "teamId": "…", "topic": "org.example.app"},
      "log": {"type": "file", "file": "pushes.ndjson"}
    },
    "links": {"base": "https://push.example.org/c", "secrets": [{"file": "links.key"}]},   where clicks come; leads to /c of a server
    "articles": {"within": "4h", "categories": ["news"]},   which items of the catalogue are articles (default: all)
    "events": {"click": "push_click", "reads": ["read"]},   kinds of events (default: push_click, all others)
    "tick": "30s", "interval": "7d", "quiet": {"from": "22:00", "until": "08:00"},
    "keep": "400d", "settle": "1d", "replay": "3d", "dryRun": false,
    "loop": {                          what is pushed to whom; all of it may be left out
      "target": 2.4,                   the lift that sends must have
      "selectAfter": "30m", "life": "4h",   an article is decided about so long after it appeared, and pushed until then
      "inactive": "7d",                who has not come for so long gets pushes
      "holdOut": 0.01,                 share of them who get nothing for an interval, to be compared with
      "rule": "sequential",            or normal: what tells whether to go on
      "budget": 100000, "perHour": 20000,   sends of an article, and of all within any hour, at most (default: no limits)
      "firstRound": 40, "growth": 10, "usualCtr": 0.01, "mostUsers": 200000,
      "templates": ["{category}: {title|60}"],   titles beside the article's own
      "titles": {"least": 8, "most": 80, "repeats": 3, "banned": []},   what a title must be
      "model": "models/daily",         a model with vectors of users (a server takes the one that it serves)
      "history": "60d", "timeZone": "UTC", "threads": 2, "seed": 1
    }
  }

It reads events and items of the state, which a server may use meanwhile. A server does the same by serve --push FILE, and then has the
methods push_…, too. One process at a time sends the pushes of a state. It ends at SIGTERM or SIGINT when what is on its way has arrived.
`

/** `aurochs push run`: the engine by itself. */
export function registerRun(push: Command): void {
  push
    .command('run')
    .description('decide and send pushes until a signal comes, beside the state of a server')
    .requiredOption('--state <directory>', 'where the server keeps the events')
    .requiredOption('--config <file>', 'what is sent by what, in JSON')
    .option(
      '--log-level <level>',
      'silent, error, warn, info or debug; the log goes to stderr, as JSON lines where that is no terminal',
      'info',
    )
    .addHelpText('after', notes)
    .action(async (given: unknown) => {
      const { state, config: file, logLevel } = parseOptions(Options, given)
      const config = pushConfigIn(file, '--config')
      const log = openLog(logLevel)
      const signals = endSignals()
      const engine = await PushEngine.start({ ...pushesOf(config), state, log })
      process.stdout.write(
        `pushes of ${state} are decided and sent by ${Object.keys(config.sending.senders).join(', ')}\n`,
      )
      const failed = engine.ready.then(
        () => new Promise<never>(() => {}),
        (error: Error) => error,
      )
      const error = await Promise.race([signals.first, failed])
      log.info({}, 'shutting down; a second signal ends at once')
      await engine.stop()
      if (error && signals.exitCode === undefined) throw error
      process.exit(0)
    })
}
