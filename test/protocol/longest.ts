import { limits } from '../../src/protocol/limits.ts'

/** `text`, made as long as `length` in front. */
export const padded = (text: string | number, length: number): string => String(text).padStart(length, 'x')

/** Events, each with every field as long as the limits allow, in ASCII. */
export function longestEvents(count: number, item: string = padded('item', limits.idLength)) {
  return Array.from({ length: count }, (_, at) => ({
    id: padded(at, limits.idLength),
    user: padded('user', limits.idLength),
    item,
    weight: -999999.123456789,
    time: '2024-05-31T18:30:00.123456789+02:00',
    kind: padded('kind', limits.kindLength),
    list: padded('list', limits.listIdLength),
  }))
}

/** As many ids as a filter may name, as long as they may be, in ASCII. */
export const longestFilter = (name: string): string[] =>
  Array.from({ length: limits.filterItems }, (_, at) => padded(`${name}${at}`, limits.idLength))
