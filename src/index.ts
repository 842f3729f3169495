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
export {
  type EvaluateOptions,
  type Evaluation,
  evaluate,
  type GroupEvaluation,
  type Ranker,
} from './evaluation/evaluate.ts'
export { type Metric, type MetricKind, metricNames, metricNotes, parseMetrics } from './evaluation/metrics/metrics.ts'
export { type BootstrapOptions, bootstrapIntervals, type Interval } from './evaluation/significance/bootstrap.ts'
export { type Comparison, compareUsers, type Difference } from './evaluation/significance/compare.ts'
export { type FoldSummary, summariseFolds } from './evaluation/significance/folds.ts'
export { historyGroups } from './evaluation/significance/history-groups.ts'
export type { UserValues } from './evaluation/significance/user-values.ts'
export { type HeldOut, heldOut, type Pairs, type Training } from './evaluation/splits/held-out.ts'
export { foldsOf, parseSplit, type Split, splitDataset } from './evaluation/splits/split.ts'
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
export { backUpState } from './events/backup.ts'
export { type NextDataset, type NextDatasetOptions, writeNextDataset } from './events/dataset/next-dataset.ts'
export type { UserEvent } from './events/event.ts'
export { type ExportOptions, exportEvents } from './events/export.ts'
export type { Impressions } from './events/impressions.ts'
export type { Outcome } from './events/journal.ts'
export { type ImportOptions, type ImportSource, importDataset } from './ingest/import.ts'
export { importTagged, type TagSource } from './ingest/import-tagged.ts'
export type { ImportProgress } from './ingest/progress.ts'
export { type SampleOptions, writeSample } from './ingest/sample.ts'
export {
  type ExportedFactors,
  type ExportFactorsOptions,
  exportFactors,
  type FactorFormat,
} from './interchange/factors/export.ts'
export {
  factorAlgorithms,
  type ImportedFactors,
  type ImportFactorsOptions,
  importFactors,
} from './interchange/factors/import/import.ts'
export type { ListsManifest } from './interchange/lists/manifest.ts'
export { type ListsProgress, type WriteListsOptions, writeLists } from './interchange/lists/write-lists.ts'
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
export { Artifact, type ArtifactManifest, recordMetrics } from './models/artifact/artifact.ts'
export { rollBackModel } from './models/artifact/published.ts'
export type { BlendOptions } from './models/composite/blend/options.ts'
export { formatParts, type WrittenPart } from './models/composite/parts/notation.ts'
export { als } from './models/factors/als/index.ts'
export { type AlsOptions, alsOptions } from './models/factors/als/options.ts'
export { autoencoder } from './models/factors/autoencoder/index.ts'
export { AutoencoderModel, openAutoencoder, type TaggedHistory } from './models/factors/autoencoder/model.ts'
export { type AutoencoderOptions, autoencoderOptions } from './models/factors/autoencoder/options.ts'
export { bpr } from './models/factors/bpr/index.ts'
export { type BprOptions, bprOptions } from './models/factors/bpr/options.ts'
export { word2vec } from './models/factors/word2vec/index.ts'
export { ease } from './models/item-item/ease/index.ts'
export { graphFilter } from './models/item-item/graph-filter/index.ts'
export { neighbours } from './models/item-item/neighbours/index.ts'
export { UnsupportedError } from './models/open/capabilities.ts'
export { ModelPool, type OpenModelPool } from './models/open/model-pool.ts'
export { OpenModel } from './models/open/open-model.ts'
export { popular } from './models/popular/index.ts'
export {
  algorithmNamed,
  algorithms,
  baselineAlgorithm,
  blend,
  contextTaste,
  defaultAlgorithm,
} from './models/registry.ts'
export { sessionNeighbours } from './models/sequential/session-neighbours/index.ts'
export { slist } from './models/sequential/slist/index.ts'
export { transitions } from './models/sequential/transitions/index.ts'
export { trending } from './models/sequential/trending/index.ts'
export { type TrainModel, trainModel } from './models/training/train.ts'
// music
export type { EnergyFeatures } from './music/audio/energy-features.ts'
export type { Decoded, MelOptions, Sound } from './music/audio/mel.ts'
export { type Mel, melOfFile, melOfFileSync, soundOfFile } from './music/audio/mel-of-file.ts'
export { type MelSlice, type MelSliceOptions, melSlices } from './music/audio/mel-slices.ts'
export { type ContinueOptions, continueMix, type PlayedSong } from './music/mix/continue.ts'
export { type IndexedSpace, indexSpace } from './music/mix/indexed-space.ts'
export { MixError } from './music/mix/ingredients/ingredients.ts'
export { type Mix, mixSongs } from './music/mix/mix.ts'
export { type CurvePoint, evenCurve } from './music/mix/order/energy-curve.ts'
export type { Contribution, MixedSong } from './music/mix/reasons/reasons.ts'
export type { MixRequest } from './music/mix/request.ts'
export {
  MappedSongSpace,
  openSongSpace,
  type SongSpaceManifest,
  type SongSpaceParts,
  writeSongSpace,
} from './music/space/artifact.ts'
export {
  type BuildSongSpace,
  type BuiltSongSpace,
  buildSongSpace,
  type ModelCoverage,
  type SpaceProgress,
} from './music/space/build.ts'
export type { Projection } from './music/space/coordinates.ts'
export type { SongDetails, SongSpace, VectorSource } from './music/space/song-space.ts'
export type { SongTagger } from './music/space/song-tagger.ts'
export {
  type GivenTag,
  type ReadSongsOptions,
  readSongs,
  type SongRow,
  type SongRows,
} from './music/space/songs/read-songs.ts'
export { drawPlaylists, type Playlist, type PlaylistOptions } from './music/synthesis/listeners.ts'
export { type Mood, moods, type Traits } from './music/synthesis/moods.ts'
export { drawSongs, type SongOptions, type SongPlan } from './music/synthesis/songs.ts'
export { type SoundOptions, soundFile, writeSounds } from './music/synthesis/sounds.ts'
export { analyseFiles, type FileAnalysis, type PooledTagger, pooledTagger } from './music/tagger/analysis/analyse.ts'
export type { EpochResult, TaggerManifest, Validation } from './music/tagger/artifact.ts'
export {
  type LabelKind,
  type LabelledClip,
  type LabelledClips,
  labelledClips,
  type ReadLabels,
} from './music/tagger/clips/clips.ts'
export type { TaggerOptions } from './music/tagger/options.ts'
export { type SoundAnalysis, Tagger } from './music/tagger/tagger.ts'
export type { LabelMeasure, TaggerMeasure } from './music/tagger/training/measure.ts'
export type { TaggerProgress, TrainedTagger } from './music/tagger/training/run.ts'
export { type TrainTagger, trainTagger } from './music/tagger/training/train.ts'
export { Pool, type PoolOptions } from './parallel/pool.ts'
export type { PushAnalysis } from './push/analyse/analysis.ts'
export { writeReport } from './push/analyse/report/write.ts'
export { analyseStored, type StoredPushesOptions } from './push/analyse/stored/stored-pushes.ts'
export { type ImportedPushes, type ImportPushOptions, importPushes } from './push/import/import.ts'
export { loadPushConfig, type PushConfig, pushConfigOf } from './push/live/config.ts'
export { PushEngine, type PushEngineOptions } from './push/live/engine.ts'
export type { PushLog } from './push/live/log.ts'
export { pushesOf } from './push/live/parts/open-loop.ts'
export type { PushAction, PushObservation, PushSteps } from './push/loop/actions.ts'
export type { PushUser } from './push/send/user.ts'
export { RecommendError } from './recommend/errors.ts'
export type {
  BatchList,
  RecommendedBatch,
  RecommendedList,
  SimilarQuery,
  UserList,
  UserQuery,
} from './recommend/lists/lists.ts'
export { Recommender, type RecommenderOptions } from './recommend/recommender.ts'
export { type ModelCheck, ModelCheckError } from './recommend/retraining/model-check.ts'
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
