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
  const upTo = (digits: number) => new Intl.NumberFormat(locale, { maximumFractionDigits: digits });
  const unit = (value: number, name: string) =>
    new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "narrow" }).format(value);
  return {
    count: upTo(0).format,
    bytes: (value, exact = false) => {
      const power = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10));
      const scaled = value / 1024 ** power;
      return `${upTo((scaled < 10 || exact) && power > 0 ? 1 : 0).format(scaled)} ${UNITS[power]}`;
    },
    percent: (value) => `${upTo(value < 10 ? 1 : 0).format(value)} %`,
    duration: (seconds) => {
      const whole = Math.max(0, Math.floor(seconds));
      const [days, hours, minutes] = [
        Math.floor(whole / 86400),
        Math.floor((whole % 86400) / 3600),
        Math.floor((whole % 3600) / 60),
      ];
      if (days > 0) return `${unit(days, "day")} ${unit(hours, "hour")}`;
      if (hours > 0) return `${unit(hours, "hour")} ${unit(minutes, "minute")}`;
      if (minutes > 0) return `${unit(minutes, "minute")} ${unit(whole % 60, "second")}`;
      return unit(whole, "second");
    },
    time: (at) => new Intl.DateTimeFormat(locale, { timeStyle: "medium" }).format(new Date(at)),
    dateTime: (at) =>
      new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(at)),
  };
}
