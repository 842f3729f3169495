import { Pool } from '../../../parallel/pool.ts'
import type { PushSteps } from '../../loop/actions.ts'
import { PushLoop } from '../../loop/push-loop.ts'
import type { PushUsers } from '../../loop/users.ts'
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
import { ServedFactors } from './user-factors.ts'

const minute = 60_000
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
    const files = new LearnedFiles(state)
    const learned = files.read()
    const vectors = await texts.wordVectors(files.words, pool, signal)
    const content = vectors && {
      contentFactors: vectors.factors,
      vectorOf: ({ title, body = '' }: { readonly title: string; readonly body?: string | undefined }) =>
        vectors.textVector(`${title} ${body}`),
    }
    const preference = files.preference(users, pool, {
      options: Object.assign({ seed: options.seed }, content),
      state: learned,
    })
    const { inactiveDays, seed } = options
    const live = new LivePreference(preference, {
      mostUsers,
      inactiveDays,
      seed,
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
    const loop = new PushLoop(users, { preference: live, features: values, titles }, options)
    if (learned) loop.restoreSnapshot(learned.loop)
    const factors = model === undefined ? undefined : new ServedFactors(model, log)
    const parts = { loop, users, preference, live, values, past, factors, ledger, files, texts, pool, log }
    const steps = new LearnedLoop(parts)
    await steps.learnHistory({ since: now - history, until: now - replay, signal })
    return steps
  } catch (error) {
    texts.close()
    await pool.close()
    throw error
  }
}
