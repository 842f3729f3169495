import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { CatalogueStore } from '../../src/catalogue/store.ts'
import { EventStore } from '../../src/events/store.ts'
import { type PushConfig, pushConfigOf } from '../../src/push/live/config.ts'
import { PushEngine, type PushEngineOptions } from '../../src/push/live/engine.ts'
import type { PushLog } from '../../src/push/live/log.ts'
import { freshFolder } from '../storage/folder.ts'
import { type Script, ScriptedSteps } from './scripted-steps.ts'

/** A state with a journal and a catalogue, as a server has them open. */
export interface State {
  readonly folder: string
  readonly journal: EventStore
  readonly catalogue: CatalogueStore
}

export function openState(folder = freshFolder()): State {
  mkdirSync(folder, { recursive: true })
  const journal = new EventStore(join(folder, 'events.db'))
  const catalogue = new CatalogueStore(join(folder, 'catalogue.db'))
  onTestFinished(() => {
    journal.close()
    catalogue.close()
  })
  return { folder, journal, catalogue }
}

/** What is logged, by message. */
export class LogLines implements PushLog {
  readonly lines: { readonly level: string; readonly message: string; readonly fields: object }[] = []
  debug = (fields: object, message: string) => this.lines.push({ level: 'debug', message, fields })
  info = (fields: object, message: string) => this.lines.push({ level: 'info', message, fields })
  warn = (fields: object, message: string) => this.lines.push({ level: 'warn', message, fields })
  error = (fields: object, message: string) => this.lines.push({ level: 'error', message, fields })

  get errors(): string[] {
    const text = (value: unknown) => (value instanceof Error ? value.message : JSON.stringify(value))
    return this.lines
      .filter(({ level }) => level === 'error')
      .map(({ message, fields }) => [message, ...Object.values(fields).map(text)].join(' '))
  }
}

export const noQuiet = { from: '00:00', until: '00:00' }

export function configOf(folder: string, given: object = {}): PushConfig {
  const config = { senders: { file: { type: 'file', file: 'pushes.ndjson' } }, tick: '20s', quiet: noQuiet, ...given }
  const made = pushConfigOf(config, { directory: folder, environment: { CLICK_SECRET: 'a secret of the links' } })
  return { ...made, sending: { ...made.sending, poll: 10 } }
}

export interface Running {
  readonly engine: PushEngine
  readonly log: LogLines
  /** Made so far, the latest last. */
  readonly loops: ScriptedSteps[]
  /** Resolves when `is` holds; the engine steps meanwhile. */
  until(is: () => boolean | Promise<boolean>): Promise<void>
}

export async function startEngine(
  { folder }: Pick<State, 'folder'>,
  script: Script,
  { config = {}, ...options }: { readonly config?: object } & Pick<Partial<PushEngineOptions>, 'clock' | 'steps'> = {},
): Promise<Running> {
  const log = new LogLines()
  const loops: ScriptedSteps[] = []
  const steps: PushEngineOptions['steps'] = users => {
    const made = new ScriptedSteps(users, script)
    loops.push(made)
    return made
  }
  const engine = await PushEngine.start({ state: folder, config: configOf(folder, config), steps, log, ...options })
  onTestFinished(() => engine.stop())
  await engine.ready
  const until = async (is: () => boolean | Promise<boolean>) => {
    const deadline = performance.now() + 60_000
    while (!(await is())) {
      if (performance.now() > deadline) throw new Error(`it never was: ${is}; ${log.errors.slice(-3).join('; ')}`)
      engine.wake()
      await new Promise(resolve => setTimeout(resolve, 15))
    }
  }
  return { engine, log, loops, until }
}
