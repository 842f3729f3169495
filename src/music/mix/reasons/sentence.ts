import type { Contribution, MixedSong } from './reasons.ts'

/** From this match on a song fits an ingredient well, or in part, by its sentence. */
const [wellFrom, partFrom] = [0.8, 0.3]

/** Why a song is in a mix, in one sentence: `calm and rain fit well, X in part; energy 0.31, asked 0.30; after Y, cosine 0.82.` */
export function sentenceOf(song: Omit<MixedSong, 'why'>, formerTitle: string | undefined): string {
  const parts = [
    fitOf(song.because),
    awayFrom(song.because),
    tagsOf(song),
    energyOf(song),
    followsOf(song, formerTitle),
  ]
  const text = parts.filter(part => part !== undefined).join('; ')
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

function fitOf(because: readonly Contribution[]): string {
  const wanted = because.filter(({ weight }) => weight > 0)
  const well = wanted.filter(({ match }) => match >= wellFrom)
  const part = wanted.filter(({ match }) => match < wellFrom && match >= partFrom)
  const fits = [
    well.length > 0 ? `fits ${inWords(well)} well` : undefined,
    part.length > 0 ? `${well.length > 0 ? '' : 'fits '}${inWords(part)} in part` : undefined,
  ].filter(fit => fit !== undefined)
  if (fits.length > 0) return fits.join(', ')
  const nearest = wanted.reduce((best, other) => (other.match > best.match ? other : best))
  return `is the nearest that is left to ${inWords([nearest])}`
}

function awayFrom(because: readonly Contribution[]): string | undefined {
  const away = because.filter(({ weight, match }) => weight < 0 && match < partFrom)
  return away.length > 0 ? `is unlike ${inWords(away)}` : undefined
}

function tagsOf({ tags }: Pick<MixedSong, 'tags'>): string | undefined {
  return tags.length > 0 ? `is tagged ${listed(tags.slice(0, 3).map(({ tag }) => tag))}` : undefined
}

function energyOf({ energy, askedEnergy }: Pick<MixedSong, 'energy' | 'askedEnergy'>): string | undefined {
  if (askedEnergy === undefined) return undefined
  const asked = `energy ${askedEnergy.toFixed(2)} was asked for here`
  return energy === undefined
    ? `${asked}, its own is not known`
    : `has energy ${energy.toFixed(2)}, where ${askedEnergy.toFixed(2)} was asked for`
}

function followsOf({ follows }: Pick<MixedSong, 'follows'>, title: string | undefined): string | undefined {
  if (!follows) return undefined
  const { item, cosine } = follows
  const how = cosine >= 0.7 ? 'closely follows' : cosine >= 0.3 ? 'goes on from' : 'makes a change after'
  return `${how} ${title ?? item} (cosine ${cosine.toFixed(2)})`
}

function inWords(contributions: readonly Contribution[]): string {
  return listed(contributions.map(nameOf))
}

function nameOf({ kind, name, title }: Contribution): string {
  switch (kind) {
    case 'song':
      return title ?? name
    case 'taste':
      return `the taste of ${name}`
    case 'accepted':
      return 'the accepted songs'
    case 'skipped':
      return 'the skipped songs'
    default:
      return name
  }
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
