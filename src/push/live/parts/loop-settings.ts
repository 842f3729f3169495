import { resolve } from 'node:path'
import { z } from 'zod'
import { asGiven, mustBe } from '../../../storage/expectation.ts'
import { isTimeZone } from '../../data/local-time.ts'
import { defaultLoopOptions, type PushLoopOptions } from '../../loop/options.ts'
import { defaultTitleRules, type TitleRules } from '../../title/candidates.ts'
import { parseTemplate, type Template } from '../../title/template.ts'
import { duration } from '../duration.ts'

const day = 86_400_000
const minute = 60_000
const defaults = defaultLoopOptions

const template = z.string().transform((text, context): Template => {
  try {
    return parseTemplate(text)
  } catch {
    context.addIssue(`must be a template such as {title} or {category}: {title|60}, got ${asGiven(text)}`)
    return z.NEVER
  }
})

/** What the loop decides by, as the configuration has it. */
export const loopSchema = z
  .strictObject({
    /** The lift that sends must have. */
    target: z.number().positive().max(1000).default(defaults.target),
    /** So long after it appeared an article is decided about. */
    selectAfter: duration.default(defaults.selectAfter * minute),
    /** So long after it appeared it is pushed. Default: as long as it is new (`articles.within`). */
    life: duration.optional(),
    /** So long after the last visit a user is inactive. */
    inactive: duration.default(defaults.inactiveDays * day),
    /** The share of those who would get an article that get nothing for an interval, to be compared with. */
    holdOut: z.number().min(0).max(0.5).default(defaults.holdOut),
    /** What tells whether to go on: `normal` or `sequential`, which may be looked at whenever. */
    rule: z.enum(['normal', 'sequential']).default('sequential'),
    /** Sends of the first round, at most. */
    firstRound: z.int().min(1).max(1_000_000).default(defaults.firstRound),
    /** A round is so many times all before it together, at most. */
    growth: z.number().positive().max(1000).default(defaults.growth),
    /** Sends of an article at most. Default: as many as there are users for it. */
    budget: z.int().min(1).optional(),
    /** Sends of all articles within any hour, at most. Default: no limit. */
    perHour: z.int().min(1).optional(),
    /** The usual CTR where no push is known. */
    usualCtr: z.number().positive().max(0.5).default(defaults.usualCtr),
    /** Users that an article is ranked for, at most. */
    mostUsers: z.int().min(1).default(200_000),
    /** Titles beside the article's own: templates as `{category}: {title|60}`. */
    templates: z.array(template).default([]),
    /** What a title must be: characters, how often a word may come, words that none has. */
    titles: z
      .strictObject({
        least: z.int().min(1).default(defaultTitleRules.least),
        most: z.int().min(1).max(1000).default(defaultTitleRules.most),
        repeats: z.int().min(1).default(defaultTitleRules.repeats),
        banned: z.array(z.string().min(1)).default([]),
      })
      .prefault({}),
    /** A trained model with vectors of users, as als or bpr. Default: of a server the one that it serves. */
    model: z.string().min(1).optional(),
    /** How much of the journal is learned from when it starts. */
    history: duration.default(60 * day),
    /** IANA, of hours and weekdays of articles. */
    timeZone: z.string().refine(isTimeZone, mustBe('a time zone such as Asia/Seoul')).default('UTC'),
    /** Worker threads. Default: as many as the machine runs at once. */
    threads: z.int().min(1).max(1024).optional(),
    seed: z.int().min(0).max(0xffff_ffff).default(defaults.seed),
  })
  .prefault({})

/** Times in ms. */
export interface LoopSettings {
  readonly loop: PushLoopOptions
  readonly templates: readonly Template[]
  readonly titleRules: TitleRules
  readonly mostUsers: number
  readonly model?: string | undefined
  readonly history: number
  readonly timeZone: string
  readonly threads?: number | undefined
}

/** What the loop goes by of the whole configuration, times in ms; paths are relative to `directory`. */
export interface LoopContext {
  readonly within: number
  readonly interval: number
  readonly settle: number
  readonly replay: number
  readonly directory: string
}

/** @throws TypeError naming what does not fit together. */
export function loopSettingsOf(
  given: z.output<typeof loopSchema>,
  { within, interval, settle, replay, directory }: LoopContext,
): LoopSettings {
  const { selectAfter, life = within, inactive, templates, titles, model, mostUsers, history, ...rest } = given
  const { timeZone, threads, ...plain } = rest
  if (life > within) {
    throw new TypeError(
      `loop.life must be no longer than articles.within, ${within / minute} minutes, got ${life / minute} minutes`,
    )
  }
  if (selectAfter >= life) {
    throw new TypeError(
      `loop.selectAfter must be shorter than loop.life, ${life / minute} minutes, got ${selectAfter / minute} minutes`,
    )
  }
  if (titles.least > titles.most) {
    throw new TypeError(`loop.titles.least must be no more than loop.titles.most, ${titles.most}, got ${titles.least}`)
  }
  // What a shorter one leaves out of articles that live on, and of clicks that still come, nothing else tells.
  for (const [name, least] of Object.entries({ 'loop.life': life, settle })) {
    if (replay >= least) continue
    throw new TypeError(
      `replay must be no shorter than ${name}, ${least / minute} minutes, got ${replay / minute} minutes`,
    )
  }
  return {
    loop: {
      ...plain,
      selectAfter: selectAfter / minute,
      life: life / minute,
      inactiveDays: inactive / day,
      daysBetween: interval / day,
    },
    templates,
    titleRules: titles,
    model: model && resolve(directory, model),
    mostUsers,
    history,
    timeZone,
    threads,
  }
}
