import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import { z } from 'zod'
import { analyse } from '../../push/analyse/analyse.ts'
import { capInWords, resultInWords } from '../../push/analyse/report/summary.ts'
import { writeReport } from '../../push/analyse/report/write.ts'
import { nothing } from '../../push/simulate/baselines.ts'
import { type WorldParameters, worldParameters } from '../../push/simulate/parameters.ts'
import { PushRecording } from '../../push/simulate/recording/recording.ts'
import { type PushPolicy, type SimulationResult, simulate } from '../../push/simulate/run.ts'
import { minutesInDay, minutesInHour } from '../../push/simulate/visits.ts'
import { step, type World } from '../../push/simulate/world.ts'
import { parseOptions, text, wholeNumber } from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { LiveText } from '../terminal/live-text.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { type DemoMoment, hourLine, liveLines } from './demo-view.ts'

const Options = z.object({
  users: wholeNumber(100, 1_000_000).default(50_000),
  days: wholeNumber(1, 60).default(7),
  seconds: wholeNumber(0, 3600).default(40),
  seed: wholeNumber(0, 0xffff_ffff).default(4),
  report: text('a file').default('push-demo.html'),
  json: text('a file').default('push-demo.json'),
})

type Options = z.output<typeof Options>

/** `aurochs push demo`: the loop at work. */
export function registerDemo(push: Command): void {
  push
    .command('demo')
    .description('watch a day of the decision loop in a simulated world, and read the report')
    .option('--users <n>', 'users of the world (default: 50,000)')
    .option('--days <n>', 'days that the loop learns in before the one that is shown (default: 7)')
    .option('--seconds <n>', 'how long the day takes on a terminal (default: 40)')
    .option('--seed <n>', 'which world (default: 4)')
    .option('--report <file>', 'where the report is written to (default: push-demo.html)')
    .option('--json <file>', 'where all of its figures are written to (default: push-demo.json)')
    .action(runDemo)
}

async function runDemo(given: unknown): Promise<void> {
  const options = parseOptions(Options, given)
  const { users, days, report, json } = options
  const say = (text: string) => process.stdout.write(`${text}\n`)
  const parameters: WorldParameters = Object.assign({}, worldParameters, { users, days: days + 1 })
  say(
    `A simulated world: ${users.toLocaleString('en')} users who read ${parameters.articles} articles a day, no real ones.`,
  )
  await interruptible(async signal => {
    const bar = new ProgressBar()
    const recording = new PushRecording()
    try {
      const showDay = (stage: string, days: number) => (now: number) => bar.show(stage, now / minutesInDay / days)
      const baseline = await withoutPushes(
        options.seed,
        parameters,
        showDay('the world without pushes', days + 1),
        signal,
      )
      const view = new DayView(recording, options, baseline, signal)
      const learned = showDay(`the loop learns for ${days} days`, days)
      const onStep = async (world: World) => {
        if (world.now >= days * minutesInDay) {
          bar.stop()
          return view.show(world)
        }
        if (world.now % minutesInDay === 0) learned(world.now)
        await heard(world.now, signal)
      }
      const result = await simulate(
        options.seed,
        recording.policyIn({ seed: options.seed }, onStep),
        parameters,
      ).finally(() => view.close())
      const analysis = await analyse(recording.analysisInput(result, baseline))
      await writeReport(analysis, { html: report, json })
      say(`\n${resultInWords(analysis)} ${capInWords(analysis)}`)
      say(activeInWords(result, baseline))
      say(`\nreport   ${report}   open it in a browser\nfigures  ${json}`)
    } finally {
      bar.stop()
    }
  })
}

/** The day that is shown: in place on a terminal, elsewhere a line an hour. */
class DayView {
  readonly #recording: PushRecording
  readonly #baseline: SimulationResult
  readonly #signal: AbortSignal
  readonly #pause: number
  #live: LiveText | undefined
  #next = 0

  constructor(recording: PushRecording, { seconds }: Options, baseline: SimulationResult, signal: AbortSignal) {
    this.#recording = recording
    this.#baseline = baseline
    this.#signal = signal
    this.#pause = (seconds * 1000 * step) / minutesInDay
  }

  async show(world: World): Promise<void> {
    const { now, weeklyActive } = world
    const withoutPushes = this.#baseline.weeklyActive[Math.floor(now / minutesInDay)]!
    const moment: DemoMoment = { recording: this.#recording, now, weeklyActive, withoutPushes }
    if (!process.stdout.isTTY) {
      if (now % minutesInHour === 0) process.stdout.write(`${hourLine(moment)}\n`)
      await heard(now, this.#signal)
      return
    }
    if (!this.#live) {
      this.#live = new LiveText(process.stdout)
      process.stdout.write('\n')
    }
    this.#live.show(liveLines(moment, this.#live.rows - 5))
    // By the clock, so that the work between two steps is no delay.
    const time = performance.now()
    this.#next = Math.max(time, (this.#next || time) + this.#pause)
    await setTimeout(Math.max(1, this.#next - time), undefined, { signal: this.#signal })
  }

  close(): void {
    this.#live?.close()
  }
}

/** The same world in which nobody is sent anything. */
function withoutPushes(
  seed: number,
  parameters: WorldParameters,
  onDay: (now: number) => void,
  signal: AbortSignal,
): Promise<SimulationResult> {
  const policyIn = (): PushPolicy => {
    const { act } = nothing()
    return {
      act: async (view, observed) => {
        if (view.now % minutesInDay === 0) onDay(view.now)
        await heard(view.now, signal)
        return act(view, observed)
      },
    }
  }
  return simulate(seed, policyIn, parameters)
}

/** Hears signals, which come between tasks alone. */
async function heard(now: number, signal: AbortSignal): Promise<void> {
  if (now % minutesInHour === 0) await new Promise(resolve => setImmediate(resolve))
  signal.throwIfAborted()
}

function activeInWords({ weeklyActive }: SimulationResult, baseline: SimulationResult): string {
  const [active, without] = [weeklyActive.at(-1)!, baseline.weeklyActive.at(-1)!]
  const count = (number: number) => number.toLocaleString('en')
  return (
    `The world itself counts ${count(active)} users who were active in its last week, and without pushes ${count(without)}: ${count(active - without)} more. ` +
    'The users above are estimated by those held out alone, as on real data; they are of all pushes, each until a week after it, and of a user with two both count.'
  )
}
