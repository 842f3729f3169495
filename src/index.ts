/**
 * Aurochs as a library: what this module exports is public, all else may change.
 *
 *     await importDataset({ sources: ['plays.csv'], user: 'listener', item: 'song', out: 'plays' })
 *     const dataset = Dataset.open('plays')
 *     const pool = new Pool()
 *     await trainModel(dataset, 'model', defaultAlgorithm, { factors: 64 }, { pool })
 *     const recommender = await Recommender.open({ model: 'model' })
 *     const list = await recommender.recommend({ user: 'ann', limit: 10, seen: 'exclude', exclude: [] })
 */
export { Catalogue, type ChangeSummary } from './catalogue/catalogue.ts'
export {
  CatalogueError,
  CatalogueStorageError,
  type Item,
  type ItemInput,
  type ItemPatch,
  type UserLabels,
} from './catalogue/item.ts'
export type { Narrowing } from './catalogue/narrowing.ts'
export { type BootstrapOptions, bootstrapIntervals, type Interval } from './evaluation/bootstrap.ts'
export { type Comparison, compareUsers, type Difference } from './evaluation/compare.ts'
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type GroupEvaluation,
  type Ranker,
} from './evaluation/evaluate.ts'
export { type FoldSummary, summariseFolds } from './evaluation/folds.ts'
export { type HeldOut, heldOut, type Pairs, type Training } from './evaluation/held-out.ts'
export { historyGroups } from './evaluation/history-groups.ts'
export { type Metric, type MetricKind, metricNames, metricNotes, parseMetrics } from './evaluation/metrics.ts'
export { foldsOf, parseSplit, type Split, splitDataset } from './evaluation/split.ts'
export {
  type ChooseOptions,
  type ChosenOptions,
  type ChosenPart,
  chooseOptions,
  trialsToChoose,
} from './evaluation/tune/choose-options.ts'
export { searchPlot } from './evaluation/tune/plot.ts'
export type { TunedOptions } from './evaluation/tune/search.ts'
export { type Tuned, type TuneOptions, type TuneProgress, tune } from './evaluation/tune/tune.ts'
export { readBest } from './evaluation/tune/tuned-options.ts'
export type { UserValues } from './evaluation/user-values.ts'
export { backUpState } from './events/backup.ts'
export { type NextDataset, type NextDatasetOptions, writeNextDataset } from './events/dataset/next-dataset.ts'
export type { UserEvent } from './events/event.ts'
export { type ExportOptions, exportEvents } from './events/export.ts'
export type { Impressions } from './events/impressions.ts'
export type { Outcome } from './events/journal.ts'
export { type ImportOptions, type ImportSource, importDataset } from './ingest/import.ts'
export type { ImportProgress } from './ingest/progress.ts'
export { type SampleOptions, writeSample } from './ingest/sample.ts'
export type {
  Algorithm,
  ItemList,
  Model,
  Ranking,
  RankRequest,
  SimilarMeasure,
  SimilarRequest,
  TrainProgress,
  UserEvents,
} from './models/algorithm.ts'
export { noEvents } from './models/algorithm.ts'
export { als } from './models/als/index.ts'
export { type AlsOptions, alsOptions } from './models/als/options.ts'
export { Artifact, type ArtifactManifest, recordMetrics } from './models/artifact.ts'
export type { BlendOptions } from './models/blend/options.ts'
export { bpr } from './models/bpr/index.ts'
export { type BprOptions, bprOptions } from './models/bpr/options.ts'
export { ease } from './models/ease/index.ts'
export { graphFilter } from './models/graph-filter/index.ts'
export { ModelPool, type OpenModelPool } from './models/model-pool.ts'
export { neighbours } from './models/neighbours/index.ts'
export { OpenModel, UnsupportedError } from './models/open-model.ts'
export { formatParts, type WrittenPart } from './models/parts/notation.ts'
export { popular } from './models/popular/index.ts'
export { rollBackModel } from './models/published.ts'
export {
  algorithmNamed,
  algorithms,
  baselineAlgorithm,
  blend,
  contextTaste,
  defaultAlgorithm,
} from './models/registry.ts'
export { sessionNeighbours } from './models/session-neighbours/index.ts'
export { slist } from './models/slist/index.ts'
export { type TrainModel, trainModel } from './models/train.ts'
export { transitions } from './models/transitions/index.ts'
export { trending } from './models/trending/index.ts'
export { word2vec } from './models/word2vec/index.ts'
export { Pool, type PoolOptions } from './parallel/pool.ts'
export { RecommendError } from './recommend/errors.ts'
export type {
  BatchList,
  RecommendedBatch,
  RecommendedList,
  SimilarQuery,
  UserList,
  UserQuery,
} from './recommend/lists.ts'
export { Recommender, type RecommenderOptions } from './recommend/recommender.ts'
export { GateError, type GateResult } from './recommend/retraining/gate.ts'
export { type Retrained, type RetrainOptions, retrain } from './recommend/retraining/retrain.ts'
export type { Row } from './search/item-lists.ts'
export { search } from './search/search.ts'
export { type Found, type SearchOptions, TopKIndex, type TopKParts } from './search/topk.ts'
export { type ServeLibraryOptions, serve } from './serve/serve.ts'
export type { Server } from './serve/server.ts'
export type { Csr } from './storage/csr.ts'
export { Dataset, type DatasetManifest, type DatasetParts, writeDataset } from './storage/dataset.ts'
export { type Id, IdMap } from './storage/ids.ts'
export type { Sequence, Sequences } from './storage/sequences.ts'
export { tokensOf } from './words/tokens.ts'
export { type TrainWords, trainWords, type WordsManifest, type WordsProgress } from './words/train.ts'
export { type NearWord, WordVectors } from './words/word-vectors.ts'
