"""Words of the mainland's usage in a page for Taiwan, each with what is said there.

A word is only listed where it is wrong whatever it means; ``文件``, ``對象`` or ``質量`` have good
uses and are left to a reader's eye.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

#: A pattern, and what to write instead.
AVOID = {
    r"(?<!演)算法": "演算法",
    r"人工智能": "人工智慧",
    r"數據": "資料",
    r"數組": "陣列",
    r"標量": "純量",
    r"(?<!隨機)變量": "變數",
    r"隨機變量": "隨機變數",
    r"概率": "機率",
    r"(?<!協)方差": "變異數",
    r"協方差": "共變異數",
    r"正態分[布佈]": "常態分布",
    r"貝葉斯": "貝氏",
    r"似然": "概似",
    r"[採采]樣": "取樣",
    r"噪[聲音]": "雜訊",
    r"置信": "信賴",
    r"假設檢驗": "假設檢定",
    r"(?<!迴)(?<!地)(?<!再)回歸(?!到)": "迴歸",
    r"聚類": "分群",
    r"歸一化": "正規化",
    r"批量": "批次",
    r"優化": "最佳化",
    r"神經網絡|網絡": "網路",
    r"模塊": "模組",
    r"填充": "填補",
    r"圖像": "影像",
    r"分辨率": "解析度",
    r"計算機視覺": "電腦視覺",
    r"遞歸": "遞迴",
    r"字符串": "字串",
    r"字符": "字元",
    r"字節": "位元組",
    r"令牌|權杖": "token",
    r"掩碼": "遮罩",
    r"束搜索": "束搜尋",
    r"隱變量": "潛在變數",
    r"信噪比": "訊噪比",
    r"信號": "訊號",
    r"內存": "記憶體",
    r"帶寬": "頻寬",
    r"緩存": "快取",
    r"線程": "執行緒",
    r"進程": "行程",
    r"溢出": "溢位",
    r"算子(?<!運算子)": "運算子",
    r"服務器": "伺服器",
    r"接口": "介面",
    r"默認|缺省": "預設",
    r"代碼": "程式碼",
    r"指針": "指標",
    r"流水線": "管線",
    r"文檔": "說明文件",
    r"視頻": "影片",
    r"信息": "資訊",
    r"硬件": "硬體",
    r"軟件": "軟體",
    r"屏幕": "螢幕",
    r"打印": "印出",
    r"調用": "呼叫",
    r"加載": "載入",
    r"(?<!折)返回": "傳回",
    r"運行": "執行",
    r"設置": "設定",
    r"全局": "全域",
    r"(?<!引)(?<!推)(?<!誤)導入": "匯入",
    r"(?<!推)導出": "匯出",
    r"創建": "建立",
    "[们这应对样学网络进还说过变问题数认为设计时间机长开关见运动类选择]": "正體字",
    "[输达级线结构练评损误缩层权质总]": "正體字",
}
_ANY = {re.compile(pattern): good for pattern, good in AVOID.items()}


def mainland(text: str) -> Iterator[tuple[str, str]]:
    """The words of a text that are not said in Taiwan, each with what is."""
    for pattern, good in _ANY.items():
        for found in pattern.finditer(text):
            yield found[0], good
