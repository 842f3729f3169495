import { expect, test } from 'vitest'
import { takenBack } from '../../src/events/undo.ts'

const item = (id: string) => ({ id, user: 'ann', item: 'a', weight: 1, time: 0 })
const undo = (id: string, undo: string) => ({ id, user: 'ann', undo, weight: 1, time: 0 })

test('an undo takes an event back, whichever of the two arrived first', () => {
  expect([...takenBack([item('1'), item('2'), undo('u', '1')])]).toEqual(['1'])
  expect([...takenBack([undo('u', '1'), item('1'), item('2')])]).toEqual(['1'])
  expect([...takenBack([item('1'), item('2')])]).toEqual([])
})

test('what an undo took back counts again when the undo is taken back, and so on', () => {
  const events = [item('1'), undo('u', '1')]
  for (const [id, target, isTakenBack] of [
    ['v', 'u', false],
    ['w', 'v', true],
    ['x', 'w', false],
  ] as const) {
    events.push(undo(id, target))
    expect(takenBack(events).has('1')).toBe(isTakenBack)
  }
})

test('an event that two undos take back needs both taken back to count again', () => {
  const events = [item('1'), undo('u', '1'), undo('v', '1'), undo('w', 'u')]
  expect(takenBack(events).has('1')).toBe(true)
  expect(takenBack([...events, undo('x', 'v')]).has('1')).toBe(false)
})

test('an undo that arrives after what would take it back holds', () => {
  expect(takenBack([item('1'), undo('v', 'u'), undo('u', '1')]).has('1')).toBe(true)
})

test('of two undos that name each other the newer holds; one that names itself takes nothing else back', () => {
  expect(takenBack([undo('v', 'w'), undo('w', 'v')]).has('v')).toBe(true)
  expect(takenBack([item('1'), undo('u', 'u')]).has('1')).toBe(false)
})
