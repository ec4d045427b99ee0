/** What was done with a program, what it showed, and whether it is as it should be. */
export interface Finding {
  readonly what: string;
  readonly shown: string;
  readonly isRight: boolean;
}

/** A program's findings, in their order. */
export class Report {
  readonly program: string;
  readonly version: string;
  readonly findings: Finding[] = [];
  readonly pictures: { readonly name: string; readonly text: string }[] = [];

  readonly screens: { readonly title: string; readonly text: string }[] = [];

  constructor(program: string, version: string) {
    this.program = program;
    this.version = version;
  }

  /** @param shown the program's own words, or what came of it */
  note(what: string, shown: string, isRight: boolean): void {
    this.findings.push({ what, shown, isRight });
    const mark = isRight ? "ok" : "WRONG";
    process.stdout.write(`  ${mark}  ${what}: ${shown.slice(0, 140)}\n`);
  }

  picture(name: string, text: string): void {
    this.pictures.push({ name, text });
  }

  /** A terminal's screen, as text. */
  screen(title: string, text: string): void {
    this.screens.push({ title, text });
  }

  get isRight(): boolean {
    return this.findings.every((finding) => finding.isRight);
  }
}
