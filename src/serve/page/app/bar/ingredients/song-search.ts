import { problem } from '../../connection/explained.ts'
import { announce, element } from '../../element.ts'
import { plural } from '../../format.ts'
import type { SongSummary } from '../music.ts'

/** In ms: how long the person must have typed nothing before it is searched. */
const typingPause = 200

export interface SongSearchOptions {
  readonly find: (text: string) => Promise<readonly SongSummary[]>
  readonly onChoose: (song: SongSummary) => void
}

/** A field that offers songs as it is typed into (a combobox with a list, after the ARIA Authoring Practices). */
export class SongSearch {
  readonly element: HTMLElement
  readonly #options: SongSearchOptions
  readonly #input = element('input', {
    id: 'song-search',
    type: 'search',
    role: 'combobox',
    autocomplete: 'off',
    placeholder: 'title or artist',
    'aria-controls': 'songs-found',
    'aria-expanded': 'false',
    'aria-autocomplete': 'list',
    oninput: () => this.#searchSoon(),
    onkeydown: event => this.#key(event as KeyboardEvent),
    // A press on a song takes the focus before it is a click.
    onblur: () => setTimeout(() => this.#close(), 150),
  })
  readonly #list = element('ul', {
    id: 'songs-found',
    class: 'songs-found',
    role: 'listbox',
    'aria-label': 'Songs',
    hidden: true,
  })
  readonly #problem = element('div', {})
  #found: readonly SongSummary[] = []
  #active = -1
  #timer: ReturnType<typeof setTimeout> | undefined
  #searches = 0

  constructor(options: SongSearchOptions) {
    this.#options = options
    this.element = element(
      'div',
      { class: 'song-search' },
      element('label', { for: 'song-search' }, 'Like these songs'),
      this.#input,
      this.#list,
      this.#problem,
    )
  }

  #searchSoon(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#search(), typingPause)
  }

  async #search(): Promise<void> {
    const search = ++this.#searches
    const text = this.#input.value.trim()
    try {
      const found = text === '' ? [] : await this.#options.find(text)
      if (search !== this.#searches) return
      this.#problem.replaceChildren()
      this.#show(found, text)
    } catch (error) {
      if (search === this.#searches) this.#problem.replaceChildren(problem(error))
    }
  }

  #show(found: readonly SongSummary[], text: string): void {
    this.#found = found
    this.#list.replaceChildren(
      ...found.map((song, at) =>
        element(
          'li',
          { role: 'option', id: `song-found-${at}`, 'aria-selected': 'false', onclick: () => this.#choose(at) },
          element('span', { class: 'title' }, song.title),
          song.artist === undefined ? undefined : element('span', { class: 'details' }, song.artist),
        ),
      ),
    )
    if (found.length === 0 && text !== '')
      this.#list.append(element('li', { class: 'details' }, 'No song has these words.'))
    this.#list.hidden = text === ''
    this.#input.setAttribute('aria-expanded', String(!this.#list.hidden))
    if (text !== '') announce(found.length === 0 ? 'No song has these words.' : plural(found.length, 'song'))
    this.#activate(found.length > 0 ? 0 : -1)
  }

  #activate(at: number): void {
    this.#active = at
    for (const [place, option] of [...this.#list.children].entries()) {
      option.setAttribute('aria-selected', String(place === at))
      if (place === at) option.scrollIntoView({ block: 'nearest' })
    }
    if (at < 0) this.#input.removeAttribute('aria-activedescendant')
    else this.#input.setAttribute('aria-activedescendant', `song-found-${at}`)
  }

  #key(event: KeyboardEvent): void {
    const count = this.#found.length
    if (event.key === 'ArrowDown' && count > 0) this.#activate((this.#active + 1) % count)
    else if (event.key === 'ArrowUp' && count > 0) this.#activate((this.#active + count - 1) % count)
    else if (event.key === 'Enter') this.#choose(this.#active)
    else if (event.key === 'Escape' && !this.#list.hidden) this.#close()
    else return
    event.preventDefault()
  }

  #choose(at: number): void {
    const song = this.#found[at]
    if (!song) return
    this.#input.value = ''
    this.#close()
    this.#options.onChoose(song)
    this.#input.focus()
  }

  #close(): void {
    this.#searches++
    this.#found = []
    this.#list.hidden = true
    this.#input.setAttribute('aria-expanded', 'false')
    this.#activate(-1)
  }
}
