/**
 * What the simulated world is made by. What is fitted was printed by `npm run bench -- push-world` before any policy was tried; what
 * is assumed no log at hand tells. Neither may be changed to suit a policy.
 */
export interface WorldParameters {
  readonly users: number
  /** Days that are simulated. */
  readonly days: number
  /** Articles a day. */
  readonly articles: number
  readonly topics: number

  // Fitted to the brunch reads.
  /** By days since the last visit: the probability that a user who has not come again yet comes on that day. Between, log-log. */
  readonly returnHazards: readonly (readonly [days: number, hazard: number])[]
  /** Share of the reads by hour of the day, from 0. */
  readonly hours: readonly number[]
  /** Share of the reads by day of the week, from Sunday. */
  readonly weekdays: readonly number[]
  /** Share of the reads of an article's first day by hours since it appeared. */
  readonly readsByAge: readonly number[]
  /** Standard deviation of the logarithm of how often an article is read beside others. */
  readonly logSpreadOfReads: number
  /** Correlation of the logarithms of an article's reads in the first hour and after. */
  readonly correlationOfReads: number
  /** How much of what a user reads is of one topic: the mean of the sum of squared shares. */
  readonly concentration: number
  /** Mean reads of a day with a visit. */
  readonly readsPerVisit: number

  // Fitted to the Upworthy tests and the MIND sample.
  /** Of an article that stands in the middle, for the mean user. */
  readonly clickRate: number
  /** Standard deviations of the logarithm of the click rate: between articles, titles of one, and users. */
  readonly logSpreadOfArticles: number
  readonly logSpreadOfTitles: number
  readonly logSpreadOfUsers: number

  // Assumed.
  /** Power of a user's share of the topic, beside the mean, in the click rate. */
  readonly tasteExponent: number
  /** Share of the articles that everybody likes, and what their click rates are multiplied by. */
  readonly everyoneShare: number
  readonly everyoneFactor: number
  /** Correlation of the logarithms of the click rate of an article and of how often it is read. */
  readonly correlationOfAppeal: number
  /** Share of the variance of an article's appeal that its text tells. */
  readonly textShare: number
  /** Hours in which the click rate of an article falls to half. */
  readonly articleHalfLife: number
  /** Power of the share of the hour, beside the mean, in the click rate. */
  readonly hourExponent: number
  /** Standard deviation of a topic's logarithmic drift in a day. */
  readonly topicDrift: number
  /** Minutes: the median of the delay of a click, and the standard deviation of its logarithm. */
  readonly clickDelay: number
  readonly logSpreadOfDelay: number
  /** Share of the clicks that are never reported. */
  readonly lostClicks: number
  /** What a push multiplies the user's next click rates by, and days after which half of that is forgotten. */
  readonly fatigue: number
  readonly fatigueHalfLife: number
  /** Probability that a push without a click makes its user opt out. */
  readonly optOutRate: number
  /** Mean pushes that a user had before, at random. */
  readonly pastPushes: number
  /** Titles of an article. */
  readonly titles: number
}

export const worldParameters: WorldParameters = {
  users: 100_000,
  days: 28,
  articles: 200,
  topics: 24,

  returnHazards: [
    [1, 0.365],
    [2, 0.212],
    [3, 0.158],
    [4, 0.125],
    [5, 0.1],
    [7, 0.088],
    [10, 0.048],
    [14, 0.039],
    [21, 0.024],
    [28, 0.0167],
    [42, 0.0086],
    [56, 0.0071],
    [98, 0.003],
  ],
  // biome-ignore format: read in rows
  hours: [
    0.0556, 0.0386, 0.0244, 0.0161, 0.0118, 0.0113, 0.0161, 0.0289, 0.0475, 0.0457, 0.0442, 0.0463,
    0.0469, 0.0459, 0.0462, 0.0488, 0.0487, 0.0485, 0.0497, 0.0478, 0.05, 0.0558, 0.0628, 0.0623,
  ],
  weekdays: [0.135, 0.154, 0.15, 0.151, 0.152, 0.136, 0.122],
  // biome-ignore format: read in rows
  readsByAge: [
    0.277, 0.121, 0.068, 0.05, 0.041, 0.037, 0.034, 0.033, 0.032, 0.029, 0.027, 0.025,
    0.023, 0.021, 0.02, 0.02, 0.018, 0.018, 0.018, 0.017, 0.017, 0.018, 0.018, 0.019,
  ],
  logSpreadOfReads: 2.2,
  correlationOfReads: 0.72,
  concentration: 0.11,
  readsPerVisit: 9.8,

  clickRate: 0.0126,
  logSpreadOfArticles: 0.69,
  logSpreadOfTitles: 0.275,
  logSpreadOfUsers: 0.19,

  tasteExponent: 0.5,
  everyoneShare: 0.003,
  everyoneFactor: 4,
  correlationOfAppeal: 0.5,
  textShare: 0.15,
  articleHalfLife: 3.5,
  hourExponent: 0.3,
  topicDrift: 0.1,
  clickDelay: 20,
  logSpreadOfDelay: 1.2,
  lostClicks: 0.05,
  fatigue: 0.85,
  fatigueHalfLife: 14,
  optOutRate: 0.001,
  pastPushes: 3,
  titles: 4,
}
