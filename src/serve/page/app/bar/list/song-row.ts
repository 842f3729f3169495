import { element } from '../../element.ts'
import { percent } from '../../format.ts'
import { type MixedSong, minutesOf } from './mixed-song.ts'

export interface SongActions {
  readonly onPlay: (song: MixedSong) => void
  readonly onAccept: (song: MixedSong) => void
  readonly onSkip: (song: MixedSong) => void
  readonly onAdd: (song: MixedSong) => void
  readonly onAvoid: (song: MixedSong) => void
  readonly onAvoidArtist: (artist: string) => void
}

export interface RowState {
  /** From 1. */
  readonly place: number
  /** Whether it says why the song is in. */
  readonly isOpen: boolean
  readonly isPlaying: boolean
  /** Whether the person has chosen its place. */
  readonly isKept: boolean
}

/** What is in the row of a song to come, but for the handle that moves it. */
export function songRow(song: MixedSong, state: RowState, actions: SongActions, onWhy: () => void): HTMLElement[] {
  const { place, isOpen, isPlaying, isKept } = state
  const { title, artist, duration, tags, hasSound, energy } = song
  const button = (action: string, text: string, label: string, onclick: () => void, more = '') =>
    element(
      'button',
      { type: 'button', class: `round ${more}`, 'data-action': action, 'aria-label': label, title: label, onclick },
      text,
    )
  const facts = [
    artist,
    duration === undefined ? undefined : minutesOf(duration),
    energy === undefined ? undefined : `energy ${percent(energy)}`,
    isKept ? 'kept here' : undefined,
  ]
  return [
    element('span', { class: 'place' }, String(place)),
    hasSound
      ? button(
          'play',
          isPlaying ? '❚❚' : '▶',
          `${isPlaying ? 'Pause' : 'Play'} ${title}`,
          () => actions.onPlay(song),
          'play',
        )
      : element('span', {}),
    element(
      'div',
      { class: 'song' },
      element('span', { class: 'title' }, title),
      element('span', { class: 'details' }, facts.filter(Boolean).join(' · ')),
      element('span', { class: 'song-tags' }, ...clearTags(tags).map(({ tag, amount }) => tagMark(tag, amount))),
    ),
    energy === undefined ? element('span', { class: 'no-energy' }) : energyMark(energy),
    element(
      'span',
      { class: 'row-actions' },
      element(
        'button',
        {
          type: 'button',
          class: 'quiet',
          'data-action': 'why',
          'aria-label': `Why ${title} is in`,
          'aria-expanded': `${isOpen}`,
          onclick: onWhy,
        },
        'Why',
      ),
      button('accept', '✓', `Accept ${title}: more like it follow`, () => actions.onAccept(song), 'accept'),
      button('skip', '✕', `Skip ${title}: fewer like it follow`, () => actions.onSkip(song), 'skip-song'),
    ),
    ...(isOpen ? [why(song, actions)] : []),
  ]
}

/** Those that a song has much of, a few. */
function clearTags(tags: MixedSong['tags']): MixedSong['tags'] {
  return tags.filter(({ amount }) => amount >= 0.3).slice(0, 4)
}

function tagMark(tag: string, amount: number): HTMLElement {
  return element('span', { class: 'song-tag', 'data-tag': tag, title: `${tag} ${percent(amount)}` }, tag)
}

function energyMark(energy: number): HTMLElement {
  const bar = element('span', { class: 'energy-bar' })
  bar.style.blockSize = `${Math.max(8, Math.round(100 * energy))}%`
  return element('span', { class: 'energy-mark', 'aria-hidden': 'true', title: `Energy ${percent(energy)}` }, bar)
}

function why(song: MixedSong, actions: SongActions): HTMLElement {
  const { artist, why: sentence, fits } = song
  const act = (text: string, onclick: () => void) =>
    element('button', { type: 'button', class: 'quiet', onclick }, text)
  const meters = fits.map(({ name, match }) => {
    const held = Math.min(1, Math.max(0, match))
    const bar = element('span', { class: 'fit-bar' })
    bar.style.inlineSize = `${Math.round(100 * held)}%`
    return element(
      'li',
      {},
      element('span', {}, name),
      element('span', { class: 'fit' }, bar),
      element('span', { class: 'details' }, percent(held)),
    )
  })
  return element(
    'div',
    { class: 'why' },
    element('p', {}, sentence),
    element('ul', { class: 'fits' }, ...meters),
    element(
      'div',
      { class: 'actions' },
      act('More like this song', () => actions.onAdd(song)),
      act('Never this song', () => actions.onAvoid(song)),
      ...(artist === undefined ? [] : [act(`Nothing by ${artist}`, () => actions.onAvoidArtist(artist))]),
    ),
  )
}
