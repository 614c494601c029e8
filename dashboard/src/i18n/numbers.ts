/** Sizes, shares, durations and times as the reader's language writes them. */
import { useStore } from "../ui/store";
import { type Language, language, localeOf } from "./language";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export interface Numbers {
  count(value: number): string;
  /** With one digit behind the point where that is worth it, or always if it is `exact`. */
  bytes(value: number, exact?: boolean): string;
  percent(value: number): string;
  duration(seconds: number): string;
  milliseconds(value: number): string;
  time(at: string | number): string;
  dateTime(at: string | number): string;
}

export function useNumbers(): Numbers {
  return numbersOf(useStore(language));
}

export function numbersOf(used: Language): Numbers {
  return FORMATS[used];
}

const FORMATS: Record<Language, Numbers> = { zh: numbersIn(localeOf("zh")), en: numbersIn(localeOf("en")) };

function numbersIn(locale: string): Numbers {
  // Each takes long to make, and a table has thousands of values.
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const tenths = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const time = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
  const unit = (value: number, name: string) =>
    new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "narrow" }).format(value);
  return {
    count: whole.format,
    bytes: (value, exact = false) => {
      const power = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10));
      const scaled = value / 1024 ** power;
      return `${((scaled < 10 || exact) && power > 0 ? tenths : whole).format(scaled)} ${UNITS[power]}`;
    },
    percent: (value) => `${(value < 10 ? tenths : whole).format(value)} %`,
    duration: (seconds) => {
      const all = Math.max(0, Math.floor(seconds));
      const [days, hours, minutes] = [
        Math.floor(all / 86400),
        Math.floor((all % 86400) / 3600),
        Math.floor((all % 3600) / 60),
      ];
      if (days > 0) return `${unit(days, "day")} ${unit(hours, "hour")}`;
      if (hours > 0) return `${unit(hours, "hour")} ${unit(minutes, "minute")}`;
      if (minutes > 0) return `${unit(minutes, "minute")} ${unit(all % 60, "second")}`;
      return unit(all, "second");
    },
    milliseconds: (value) => `${(value < 10 ? tenths : whole).format(value)} ms`,
    time: (at) => time.format(new Date(at)),
    dateTime: (at) => dateTime.format(new Date(at)),
  };
}
