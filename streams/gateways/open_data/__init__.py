"""Readers of open data: the publishers' files, and the tidy layout of a reference folder, as count reports.

| reader | publisher's file |
|---|---|
| `sursaud` | emergency visits and SOS Médecins acts, daily (Santé publique France) |
| `sivic` | hospital stocks and flows, daily (Santé publique France) |
| `sidep` | laboratory tests, daily (Santé publique France) |
| `odisse` | weekly rates of the living portal, by region or département (Santé publique France) |
| `sae` | beds of hospital sites, yearly (DREES) |
| `drees` | critical care beds by area, yearly (DREES) |
| `tidy` | any file of a reference folder, told apart by its columns |

Each reader turns a row into envelopes and says, for a row it cannot read, the file, line and field.
"""
