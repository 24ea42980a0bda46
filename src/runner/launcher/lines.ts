/** Cuts a stream of text into lines: messages between launcher and preload are one line of JSON each. */

/** @returns takes the next piece of text, and calls `onLine` with each line that it completes */
export function createLineReader(onLine: (line: string) => void): (text: string) => void {
  const pieces: string[] = [];
  return (text) => {
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    lines.forEach((line, index) => onLine(index === 0 ? pieces.splice(0).join('') + line : line));
    if (rest !== '') pieces.push(rest);
  };
}
