import { Pool } from '../../../parallel/pool.ts'
import type { PushUsers } from '../../data/users.ts'
import type { PushSteps } from '../../loop/actions.ts'
import { PushLoop } from '../../loop/push-loop.ts'
import { FeatureExtractor } from '../../select/feature-extractor.ts'
import type { PushConfig } from '../config.ts'
import type { PushEngineOptions, StepsContext } from '../engine.ts'
import { ArticleTitles } from './article-titles.ts'
import { ArticleValues } from './article-values.ts'
import { CatalogueTexts } from './catalogue-texts.ts'
import { LearnedFiles } from './learned-files.ts'
import { LearnedLoop } from './learned-loop.ts'
import { LivePreference } from './live-preference.ts'
import type { LoopSettings } from './loop-settings.ts'
import { PastLearning } from './past-learning.ts'
import { SendResponses } from './send-responses.ts'
import { SendRoundFiles } from './send-rounds.ts'
import { ServedFactors } from './user-factors.ts'

const [minute, day] = [60_000, 86_400_000]
/** Threads of the loop leave those of a server their turn. */
const niceness = 10

/**
 * Pushes as a configuration says, decided by the loop: what `PushEngine.start` and `serve` take.
 *
 * @param model what users are known by, unless the configuration names another.
 */
export function pushesOf({ loop, ...config }: PushConfig, model?: string): Pick<PushEngineOptions, 'config' | 'steps'> {
  const settings = Object.assign({}, loop, { model: loop.model ?? model })
  return { config, steps: (users, context) => openLoop(settings, users, context) }
}

/** Opens the loop on a state, with what it has learned there before, and has it learn from the journal until the days that are replayed. */
async function openLoop(
  settings: LoopSettings,
  users: PushUsers,
  { state, ledger, log, now, replay, settle, signal }: StepsContext,
): Promise<PushSteps> {
  const { loop: options, templates, titleRules, mostUsers, model, history, timeZone, threads } = settings
  const pool = new Pool({ niceness, ...(threads !== undefined && { threads }) })
  const texts = new CatalogueTexts(state)
  try {
    const { inactiveDays, seed } = options
    const files = new LearnedFiles(state, log)
    const learned = files.read()
    const vectors = await texts.wordVectors(files.words, pool, signal)
    const content = vectors && {
      contentFactors: vectors.factors,
      vectorOf: ({ title, body = '' }: { readonly title: string; readonly body?: string | undefined }) =>
        vectors.textVector(`${title} ${body}`),
    }
    const preference = files.preference(users, pool, {
      options: Object.assign({ seed }, content),
      state: learned,
    })
    const rounds = new SendRoundFiles(files.sends, (err, file) =>
      log.warn({ err, file }, 'pushes: a round of sends cannot be read, what came of it is not learned'),
    )
    const responses = new SendResponses(preference, rounds, seed)
    await responses.open(learned?.responses)
    const live = new LivePreference(preference, {
      mostUsers,
      inactiveDays,
      seed,
      responses,
      learnedUntil: learned?.loop.at ?? Number.NEGATIVE_INFINITY,
      articleOf: id => texts.article(id),
    })
    const features = new FeatureExtractor({ vectors, categories: texts.categories(), timeZone })
    const values = new ArticleValues(features, options.selectAfter * minute)
    const titles = new ArticleTitles(templates, titleRules, ({ id }, why) =>
      log.warn({ article: id, why }, 'pushes: no title of the article passes the rules, so it is not pushed'),
    )
    const past = new PastLearning({ ledger, pool, files, log, values, titles, vectors, settle })
    past.open()
    const makeLoop = () => new PushLoop(users, { preference: live, features: values, titles }, options)
    let loop = makeLoop()
    // One that could restore a part only is no beginning.
    if (learned && !files.orAnew(() => loop.restoreSnapshot(learned.loop))) loop = makeLoop()
    const factors = model === undefined ? undefined : new ServedFactors(model, log)
    const interval = options.daysBetween * day
    const made = { loop, users, preference, live, responses, values, past, factors }
    const parts = Object.assign(made, { ledger, files, texts, pool, log, interval })
    const steps = new LearnedLoop(parts)
    await steps.learnHistory({ since: now - history, until: now - replay, signal })
    return steps
  } catch (error) {
    texts.close()
    await pool.close()
    throw error
  }
}
