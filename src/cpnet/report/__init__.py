"""What an evaluation found, as figures, tables and files; and several evaluations side by side."""

from cpnet.report.evaluation_report import CONFUSION_FILE as CONFUSION_FILE
from cpnet.report.evaluation_report import PREDICTIONS_FILE as PREDICTIONS_FILE
from cpnet.report.evaluation_report import REPORT_FILE as REPORT_FILE
from cpnet.report.evaluation_report import EvaluationReport as EvaluationReport

__all__ = ["CONFUSION_FILE", "PREDICTIONS_FILE", "REPORT_FILE", "EvaluationReport"]
