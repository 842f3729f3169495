import { element } from '../../element.ts'
import { plural } from '../../format.ts'
import type { MixedSong, PlayedSong } from './mixed-song.ts'

/** What was accepted, in its order, and how many were skipped; each can be taken back. */
export class PlayedList {
  readonly element = element('div', { class: 'played', hidden: true })
  readonly #onTakeBack: (song: MixedSong) => void
  readonly #accepted = element('ol', { class: 'accepted-songs', 'aria-label': 'Accepted songs' })
  readonly #skipped = element('details', { class: 'skipped' })
  #shown = ''

  constructor(onTakeBack: (song: MixedSong) => void) {
    this.#onTakeBack = onTakeBack
    this.element.append(this.#accepted, this.#skipped)
  }

  show(played: readonly PlayedSong[], playing: string | undefined): void {
    const shown = JSON.stringify([played.map(({ song, outcome }) => [song.item, outcome]), playing])
    if (shown === this.#shown) return
    this.#shown = shown
    const [accepted, skipped] = (['accepted', 'skipped'] as const).map(wanted =>
      played.filter(({ outcome }) => outcome === wanted).map(({ song }) => song),
    )
    this.element.hidden = played.length === 0
    this.#accepted.replaceChildren(
      ...accepted!.map((song, at) => {
        const row = this.#row(song, element('span', { class: 'place' }, String(at + 1)))
        row.classList.toggle('playing', song.item === playing)
        return row
      }),
    )
    this.#skipped.hidden = skipped!.length === 0
    const { open } = this.#skipped
    this.#skipped.replaceChildren(
      element('summary', {}, `${plural(skipped!.length, 'song')} skipped`),
      element('ul', { class: 'accepted-songs' }, ...skipped!.map(song => this.#row(song))),
    )
    this.#skipped.open = open
  }

  #row(song: MixedSong, place?: HTMLElement): HTMLLIElement {
    const label = `Take back ${song.title}`
    return element(
      'li',
      {},
      place,
      element('span', { class: 'title' }, song.title),
      element('span', { class: 'details' }, song.artist ?? ''),
      element(
        'button',
        { type: 'button', class: 'quiet', 'aria-label': label, onclick: () => this.#onTakeBack(song) },
        'Take back',
      ),
    )
  }
}
