import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import { drawCollection, makeSounds, writeTables } from '../../music/demo/collection.ts'
import { learnMoods } from '../../music/demo/learn-moods.ts'
import { importPlaylists, learnPlaylists } from '../../music/demo/learn-playlists.ts'
import { mixMoods } from '../../music/demo/mix-moods.ts'
import { placeSongs } from '../../music/demo/place-songs.ts'
import type { StepContext } from '../../music/demo/step.ts'
import { Pool } from '../../parallel/pool.ts'
import { loadServer, serve } from '../../serve/serve.ts'
import { parseOptions, text, UsageError, wholeNumber } from '../command.ts'
import { endSignals, interruptible } from '../terminal/interrupt.ts'
import { openLog } from '../terminal/log.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { inWorkspace } from '../terminal/workspace.ts'
import { collectionInWords, mixesInWords, moodsInWords, playlistsInWords, spaceInWords } from './demo-report.ts'

const Options = z.object({
  directory: text('a directory').optional(),
  songs: wholeNumber(60, 20_000).default(400),
  listeners: wholeNumber(20, 100_000).default(400),
  seed: wholeNumber(0, 0xffff_ffff).default(1),
  port: wholeNumber(0, 65_535).default(0),
  threads: wholeNumber(1, 1024).optional(),
  seconds: wholeNumber(0, 1_000_000).optional(),
  serve: z.boolean().default(true),
  open: z.boolean().default(false),
})

type Options = z.output<typeof Options>

const notes = `
Songs are made by a small synthesiser, each of one to three moods; listeners make playlists of them by tastes of their own. So what is true is
known, and each step says how much of it was found. With --directory all is kept, with the tables that the commands of the package read.
`

/** `aurochs music demo`: every step on sounds that it makes itself. */
export function registerDemo(music: Command): void {
  music
    .command('demo')
    .description(
      'every step at once, on sounds that it makes: playlists, moods from sound, a song space, mixes, and the page Bar',
    )
    .option(
      '--directory <directory>',
      'keep sounds, tables, models and the space here (default: a folder that goes at the end)',
    )
    .option('--songs <n>', 'songs that are made (default: 400)')
    .option('--listeners <n>', 'listeners who make playlists (default: 400)')
    .option('--seed <n>', 'which songs and playlists (default: 1)')
    .option('-p, --port <port>', 'port to serve at; 0, the default, takes one that is free')
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .option('--seconds <n>', 'serve for so long (default: until Ctrl-C)')
    .option('--no-serve', 'end after the last step')
    .option('--open', 'open the page in the browser')
    .addHelpText('after', notes)
    .action(run)
}

async function run(given: unknown): Promise<void> {
  const options = parseOptions(Options, given)
  // The space has the paths of sounds, wherever it is served.
  const directory = options.directory === undefined ? undefined : resolve(options.directory)
  // Found before the training, not after.
  if (options.serve) await loadServer()
  if (directory === undefined) return inWorkspace(folder => demonstrate(folder, options))
  if (existsSync(directory)) throw new UsageError(`${options.directory} exists: choose another --directory`)
  await mkdir(directory, { recursive: true })
  try {
    await learn(directory, options)
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
  if (options.serve) await serveDemo(directory, options)
}

async function demonstrate(folder: string, options: Options): Promise<void> {
  await learn(folder, options)
  if (options.serve) await serveDemo(folder, options)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Makes and measures all that is served. */
async function learn(folder: string, { songs, listeners, seed, threads }: Options): Promise<void> {
  const begun = performance.now()
  await interruptible(async signal => {
    const bar = new ProgressBar()
    const pool = new Pool(threads === undefined ? {} : { threads })
    const context: StepContext = {
      pool,
      signal,
      onProgress: (stage, done, note) => bar.show(stage, done, undefined, note),
    }
    /** Does one step, and says what came of it. */
    const step = async <Result>(title: string, work: () => Promise<Result>, words: (result: Result) => string) => {
      const start = performance.now()
      const result = await work()
      signal.throwIfAborted()
      bar.stop()
      say(`${title} (${((performance.now() - start) / 1000).toFixed(1)} s)\n${indented(words(result))}\n`)
      return result
    }
    try {
      const collection = drawCollection(folder, { songs, listeners, seed })
      const tables = await step(
        '1. Songs and listeners are made up',
        async () => {
          await makeSounds(collection, context)
          return writeTables(collection)
        },
        () => collectionInWords(collection),
      )
      await step(
        '2. Playlists are learned',
        async () => {
          const manifest = await importPlaylists(collection, tables, context)
          return { manifest, measures: await learnPlaylists(collection, context) }
        },
        playlistsInWords,
      )
      const analysed = await step(
        '3. Moods are learned from sound',
        () => learnMoods(collection, tables, context),
        moodsInWords,
      )
      const { directory } = await step(
        '4. Songs are placed in one space, new ones by their sound',
        () => placeSongs(collection, analysed, context),
        measure => spaceInWords(collection, measure),
      )
      await step('5. Playlists are mixed', async () => mixMoods(collection, directory), mixesInWords)
    } finally {
      bar.stop()
      await pool.close()
    }
  }, 'interrupted: nothing is kept')
  say(`All of it took ${((performance.now() - begun) / 1000).toFixed(0)} s.`)
}

async function serveDemo(folder: string, { port, threads, seconds, open }: Options): Promise<void> {
  const signals = endSignals()
  const server = await serve({
    model: join(folder, 'model'),
    state: join(folder, 'state'),
    music: join(folder, 'space'),
    audio: join(folder, 'sounds'),
    port,
    threads,
    log: openLog('warn'),
  })
  try {
    const page = `${server.url}/#/bar`
    say(
      `\nThe bar is open${seconds === undefined ? ', until Ctrl-C' : ` for ${seconds} s`}. Mix, listen, accept and skip:`,
    )
    say(`  page        ${page}`)
    say(`              ${server.url}/v1/music_mix?tags=calm&tags=rain&length=5`)
    if (open) openInBrowser(page)
    const waiting = new AbortController()
    const time = seconds === undefined ? new Promise(() => {}) : setTimeout(1000 * seconds, undefined, waiting)
    await Promise.race([signals.first, time.catch(() => {})])
    waiting.abort()
    say('\nshutting down')
  } finally {
    await server.close()
  }
}

/** By what the system opens addresses with; where there is none, the address was printed. */
function openInBrowser(address: string): void {
  const [command, ...args] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open']
  spawn(command!, [...args, address], { stdio: 'ignore', detached: true })
    .on('error', () => {})
    .unref()
}

function indented(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map(line => `   ${line}`.trimEnd())
    .join('\n')
}
