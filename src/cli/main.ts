#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { type Register, UsageError } from './command.ts'
import './terminal/output.ts'
import { Program } from './terminal/program.ts'

/** Each loads its command: what one command needs, the others need not wait for. */
const commands = new Map<string, () => Promise<{ readonly register: Register }>>([
  ['import', () => import('./data/import.ts')],
  ['demo', () => import('./server/demo.ts')],
  ['train', () => import('./training/train.ts')],
  ['tune', () => import('./training/tune.ts')],
  ['evaluate', () => import('./training/evaluate.ts')],
  ['recommend', () => import('./lists/recommend.ts')],
  ['similar', () => import('./lists/similar.ts')],
  ['serve', () => import('./server/serve.ts')],
  ['call', () => import('./server/call.ts')],
  ['push', () => import('./push/push.ts')],
  ['music', () => import('./music/music.ts')],
  ['retrain', () => import('./training/retrain.ts')],
  ['rollback', () => import('./training/rollback.ts')],
  ['catalogue', () => import('./data/catalogue.ts')],
  ['compact', () => import('./data/compact.ts')],
  ['forget', () => import('./data/forget.ts')],
  ['backup', () => import('./data/backup.ts')],
  ['export-events', () => import('./data/export-events.ts')],
  ['export-factors', () => import('./data/export-factors.ts')],
  ['import-factors', () => import('./data/import-factors.ts')],
  ['keys', () => import('./server/keys.ts')],
  ['words', () => import('./lists/words.ts')],
  ['nearest-words', () => import('./lists/nearest-words.ts')],
])

const { version, engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const [least, ours] = [/\d+(\.\d+)+/.exec(engines.node)?.[0], process.versions.node]
if (least !== undefined && ours.localeCompare(least, 'en', { numeric: true }) < 0) {
  process.stderr.write(
    `aurochs: Node ${engines.node} is needed; this is ${process.version}: write npx -y -p node@22 node in place of node\n`,
  )
  process.exit(1)
}

const program = new Program('aurochs')
  .description('Learns recommendations on all cores and streams them live.')
  .version(version)
  .showHelpAfterError('(add --help for the options)')
  .exitOverride()
const chosen = commands.get(process.argv[2] ?? '')
for (const load of chosen ? [chosen] : commands.values()) {
  const { register } = await load()
  register(program)
}

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // It has printed the mistake, or the help or version, which are no mistake.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    // Only the message: a stack is of no use at a terminal. AUROCHS_TRACE=1 shows it to developers.
    process.stderr.write(`aurochs: ${error instanceof Error ? error.message : error}\n`)
    if (process.env.AUROCHS_TRACE && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    process.exitCode = error instanceof UsageError ? error.exitCode : 1
  }
}
